import { delayOrAbort } from "../lib/abort.ts";
import type { Runtime } from "../lib/runtime.ts";
import { isDiskFull, describeDiskError } from "../lib/disk-errors.ts";
import type { Alerts } from "../lib/alerts.ts";

/** How often a disk is looked at that was full: the look writes nothing. */
const refillIntervalMs = 60_000;

/** Room that is kept back on a disk for what the agent must save. */
export interface ReserveFile {
  /** Gives the room free. */
  release(): Promise<void>;
  /** Takes the room again, once there is enough; does nothing where it is taken. Rejects when it cannot be had. */
  refill(): Promise<void>;
}

export interface DiskReservePorts extends Runtime {
  readonly reserve: ReserveFile;
  readonly alerts: Alerts;
  readonly stopping: AbortSignal;
}

/**
 * Writes what the agent must save into room that was kept back, where others have filled the disk; says so, and keeps room
 * back again as soon as there is some.
 */
export class DiskReserve {
  readonly #ports: DiskReservePorts;
  #isWatching = false;

  constructor(ports: DiskReservePorts) {
    this.#ports = ports;
  }

  /** Keeps the room back. Never rejects: without it, everything works until the disk is full. */
  async start(): Promise<void> {
    await this.#refill();
  }

  /** Does a small write; on a full disk once more, in the room that was kept back. Rejects as the last try did. */
  async withReserve<T>(write: () => Promise<T>): Promise<T> {
    const { reserve, log } = this.#ports;
    try {
      return await write();
    } catch (cause) {
      if (!isDiskFull(cause)) throw cause;
      try {
        await reserve.release();
      } catch (second) {
        log.warn({ err: second }, "kept room could not be given free"); // The first error is the one to tell.
        throw cause;
      }
      this.#raise(cause);
      return await write();
    }
  }

  async #refill(): Promise<void> {
    const { reserve, alerts, log } = this.#ports;
    try {
      await reserve.refill();
      if (alerts.clear("reserve")) log.info({}, "room kept back for the state again");
    } catch (cause) {
      this.#raise(cause);
    }
  }

  #raise(cause: unknown): void {
    const { alerts, log } = this.#ports;
    const sentence = `No room is kept back for the agent's state: ${describeDiskError(cause)}`;
    if (alerts.raise("reserve", sentence)) log.error({ err: cause }, "no room kept back for the state");
    if (!this.#isWatching) void this.#watch();
  }

  async #watch(): Promise<void> {
    const { timer, alerts, stopping } = this.#ports;
    this.#isWatching = true;
    while (alerts.has("reserve") && !stopping.aborted) {
      await delayOrAbort(timer, refillIntervalMs, stopping);
      if (!stopping.aborted) await this.#refill();
    }
    this.#isWatching = false;
  }
}
