import { delayOrAbort } from "../lib/abort.ts";
import type { Timer } from "../lib/clock.ts";
import { isDiskFull, describeDiskError } from "../lib/disk-errors.ts";
import type { Log } from "../lib/log.ts";
import type { Problems } from "../alerts.ts";

/** How often a disk is looked at that was full: the look writes nothing. */
const lookMs = 60_000;

/** Room that is kept back on a disk for what the agent must save. */
export interface Reserve {
  /** Gives the room free. */
  spend(): Promise<void>;
  /** Takes the room again, once there is enough; does nothing where it is taken. Rejects when it cannot be had. */
  restock(): Promise<void>;
}

export interface ReservedPorts {
  readonly reserve: Reserve;
  readonly timer: Timer;
  readonly problems: Problems;
  readonly log: Log;
  readonly stopping: AbortSignal;
}

/**
 * Writes what the agent must save into room that was kept back, where others have filled the disk; says so, and keeps room
 * back again as soon as there is some.
 */
export class Reserved {
  readonly #ports: ReservedPorts;
  #isWatching = false;

  constructor(ports: ReservedPorts) {
    this.#ports = ports;
  }

  /** Keeps the room back. Never rejects: without it, everything works until the disk is full. */
  async start(): Promise<void> {
    await this.#restock();
  }

  /** Does a small write; on a full disk once more, in the room that was kept back. Rejects as the last try did. */
  async within<T>(write: () => Promise<T>): Promise<T> {
    const { reserve, log } = this.#ports;
    try {
      return await write();
    } catch (cause) {
      if (!isDiskFull(cause)) throw cause;
      try {
        await reserve.spend();
      } catch (second) {
        log.warn({ err: second }, "kept room could not be given free"); // The first error is the one to tell.
        throw cause;
      }
      this.#tell(cause);
      return await write();
    }
  }

  async #restock(): Promise<void> {
    const { reserve, problems, log } = this.#ports;
    try {
      await reserve.restock();
      if (problems.goesAway("reserve")) log.info({}, "room kept back for the state again");
    } catch (cause) {
      this.#tell(cause);
    }
  }

  #tell(cause: unknown): void {
    const { problems, log } = this.#ports;
    const sentence = `No room is kept back for the agent's state: ${describeDiskError(cause)}`;
    if (problems.appears("reserve", sentence)) log.error({ err: cause }, "no room kept back for the state");
    if (!this.#isWatching) void this.#watch();
  }

  async #watch(): Promise<void> {
    const { timer, problems, stopping } = this.#ports;
    this.#isWatching = true;
    while (problems.has("reserve") && !stopping.aborted) {
      await delayOrAbort(timer, lookMs, stopping);
      if (!stopping.aborted) await this.#restock();
    }
    this.#isWatching = false;
  }
}
