import { delayOrAbort } from "../lib/abort.ts";
import type { Runtime } from "../lib/runtime.ts";
import { isDiskFull, describeDiskError } from "../lib/disk-errors.ts";
import type { Alerts } from "../lib/alerts.ts";

/** Between two attempts to fill the reserve on a full disk. An attempt that fails writes nothing. */
const refillIntervalMs = 60_000;

/** A file that reserves disk space for what the agent must save. */
export interface ReserveFile {
  /** Releases the space. */
  release(): Promise<void>;
  /** Takes the space again; does nothing where it is taken. Rejects when the disk has not enough. */
  refill(): Promise<void>;
}

export interface DiskReservePorts extends Runtime {
  readonly reserve: ReserveFile;
  readonly alerts: Alerts;
  readonly stopping: AbortSignal;
}

/**
 * Reserves disk space for what the agent must save. When other programs have filled the disk, it releases that space for
 * the write, raises an alert, and reserves it again as soon as there is some.
 */
export class DiskReserve {
  readonly #ports: DiskReservePorts;
  #isWatching = false;

  constructor(ports: DiskReservePorts) {
    this.#ports = ports;
  }

  /** Fills the reserve. Never rejects: without it, everything works until the disk is full. */
  async start(): Promise<void> {
    await this.#refill();
  }

  /** Runs a small write; on a full disk once more, after releasing the reserve. Rejects as the last attempt did. */
  async withReserve<T>(write: () => Promise<T>): Promise<T> {
    const { reserve, log } = this.#ports;
    try {
      return await write();
    } catch (cause) {
      if (!isDiskFull(cause)) throw cause;
      try {
        await reserve.release();
      } catch (second) {
        log.warn({ err: second }, "disk reserve not released"); // The caller needs the first error.
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
      if (alerts.clear("reserve")) log.info({}, "disk reserve filled again");
    } catch (cause) {
      this.#raise(cause);
    }
  }

  #raise(cause: unknown): void {
    const { alerts, log } = this.#ports;
    const sentence = `The disk reserve for the agent's state is not filled: ${describeDiskError(cause)}`;
    if (alerts.raise("reserve", sentence)) log.error({ err: cause }, "disk reserve not filled");
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
