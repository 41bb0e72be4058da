import { classifyError, ConnectionError } from "./connection-error.ts";
import type { TwinDocuments } from "./connection.ts";
import type { Timer } from "../lib/clock.ts";
import type { JsonObject } from "../contract/json.ts";

/**
 * A notification cannot tell a merged change from a replaced document ("the device receives the same form of update",
 * iot-hub-devguide-device-twins; azure-iot-sdk-java #776), so the twin is read after it. One reading serves all that come
 * within `settleMs`. A hub that answers with an older document than it announced is asked again.
 */
const desiredRefresh = { settleMs: 500, retryMs: 5_000, attempts: 5 } as const;

interface DesiredRefreshPorts {
  readonly timer: Timer;
  /** Aborted at the end of the connection. */
  readonly closed: AbortSignal;
  /** Reads the twin, and calls `read` with it. */
  readonly readTwin: () => Promise<void>;
  /** Gets the whole desired document after each change of its version. */
  readonly onDesired: (desired: JsonObject, version: number) => void;
}

/** Keeps the desired document in step with the hub's: reads the twin after each change that the hub announces. */
export class DesiredRefresh {
  readonly #ports: DesiredRefreshPorts;
  /** The version that was handed on last. */
  #desiredVersion: number | undefined;
  /** The version that the hub has announced last. */
  #announced: number | undefined;
  #isRefreshing = false;
  #end: ((reason: ConnectionError) => void) | undefined;

  constructor(ports: DesiredRefreshPorts) {
    this.#ports = ports;
  }

  /**
   * Begins to follow what the hub announces, also what it has announced already. Call after the first reading.
   * @param end called when the connection has to end: the twin cannot be read, or stays older than announced
   */
  start(end: (reason: ConnectionError) => void): void {
    this.#end = end;
    this.#refreshIfAnnounced();
  }

  /** The twin was read: hands on its desired document where its version is another one. */
  read({ desired, desiredVersion }: TwinDocuments): void {
    if (this.#desiredVersion === desiredVersion) return;
    this.#desiredVersion = desiredVersion;
    this.#ports.onDesired(desired, desiredVersion);
  }

  /** The hub has announced a version of the desired properties. Notifications may come twice, late, or not at all. */
  announced(version: number): void {
    this.#announced = version;
    this.#refreshIfAnnounced();
  }

  #refreshIfAnnounced(): void {
    const end = this.#end;
    if (end === undefined || this.#isRefreshing || this.#announced === undefined) return;
    if (this.#announced === this.#desiredVersion) return;
    this.#isRefreshing = true;
    this.#refresh()
      .catch((cause: unknown) => {
        if (!this.#ports.closed.aborted) end(classifyError(cause, "twin"));
      })
      .finally(() => (this.#isRefreshing = false));
  }

  /** Reads the twin until it holds the announced version, or a later one. */
  async #refresh(): Promise<void> {
    const { timer, closed, readTwin } = this.#ports;
    for (let stale = 0; ;) {
      await timer.after(stale === 0 ? desiredRefresh.settleMs : desiredRefresh.retryMs, closed);
      const announced = this.#announced ?? 0;
      await readTwin();
      // A version that is announced late is older than the one that was read.
      stale = (this.#desiredVersion ?? 0) >= announced ? 0 : stale + 1;
      if (stale === 0 && this.#announced === announced) return;
      if (stale === desiredRefresh.attempts)
        throw new ConnectionError(
          "missed",
          "The twin does not hold the change of the desired properties that was announced.",
        );
    }
  }
}
