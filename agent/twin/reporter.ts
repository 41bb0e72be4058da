import type { JsonObject } from "../contract/json.ts";
import { delayOrAbort } from "../lib/abort.ts";
import type { Timer } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { mergePatch, patchBetween } from "../contract/twin-patch.ts";
import { ConnectionError } from "../hub/connection-error.ts";

/** How many reports wait for a hub that cannot be reached. Beyond that the oldest is dropped; the newest is always sent. */
const maxQueueLength = 64;

/** Sends a patch; resolves when the hub has acknowledged it. */
export type SendPatch = (patch: JsonObject) => Promise<void>;

/**
 * Brings the reported properties to the last state enqueued: sends the difference to what the twin holds, one patch in flight
 * at a time. Phases are sent in order, each of them; progress may be skipped.
 */
export class Reporter {
  readonly #log: Log;
  /** What the twin holds, as far as it is known; undefined until it was read over the present connection. */
  #held: JsonObject | undefined;
  #send: SendPatch | undefined;
  #queue: { readonly target: JsonObject; readonly isProgress: boolean }[] = [];
  #draining = false;
  /** Set when something may have become sendable; checked again before the loop ends. */
  #hasWork = false;
  #flushWaiters: (() => void)[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  /** Enqueues all reported properties, to be sent after those before them. */
  enqueue(target: JsonObject, kind: "phase" | "progress"): void {
    if (this.#queue.at(-1)?.isProgress === true) this.#queue.pop();
    this.#queue.push({ target, isProgress: kind === "progress" });
    if (this.#queue.length > maxQueueLength) this.#queue.shift();
    this.#startDraining();
  }

  /** A connection is up and the twin was read: what it holds is the base of all differences from here on. */
  connected(reported: JsonObject, send: SendPatch): void {
    this.#held = reported;
    this.#send = send;
    this.#startDraining();
  }

  /** The twin was read again over the present connection, while no patch was in flight. */
  reread(reported: JsonObject): void {
    if (this.#send !== undefined) this.#held = reported;
  }

  disconnected(): void {
    this.#held = undefined;
    this.#send = undefined;
  }

  /** Resolves when all that was enqueued until now is acknowledged. Use a time limit: the hub may be unreachable. */
  flushed(): Promise<void> {
    if (this.#queue.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#flushWaiters.push(resolve));
  }

  #startDraining(): void {
    this.#hasWork = true;
    if (!this.#draining) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#draining = true;
    while (this.#hasWork) {
      this.#hasWork = false;
      while (await this.#sendNext());
    }
    this.#draining = false;
    if (this.#queue.length > 0) return;
    for (const resolve of this.#flushWaiters.splice(0)) resolve();
  }

  /** Sends the head of the queue; returns false when there is nothing to send, or no connection. */
  async #sendNext(): Promise<boolean> {
    const [next] = this.#queue;
    const send = this.#send;
    if (next === undefined || send === undefined || this.#held === undefined) return false;
    const patch = patchBetween(this.#held, next.target);
    if (patch !== undefined) {
      try {
        await send(patch);
      } catch (cause) {
        if (cause instanceof ConnectionError && cause.kind === "rejected") {
          // A retry would not help, and what follows must not wait for it.
          this.#log.error({ err: cause, keys: Object.keys(patch) }, "report rejected by the hub");
          this.#queue = this.#queue.filter((one) => one !== next);
          return true;
        }
        // The session ends a connection that does not acknowledge; the next one reads the twin again.
        this.#log.warn({ err: cause }, "report not acknowledged");
        if (this.#send === send) this.disconnected();
        return true;
      }
      if (this.#send !== send || this.#held === undefined) return true;
      this.#held = mergePatch(this.#held, patch);
    }
    this.#queue = this.#queue.filter((one) => one !== next);
    return true;
  }
}

/** Resolves when the hub has acknowledged all that was enqueued until now, the time is up, or the signal aborts. */
export async function flushedWithin(
  reporter: Pick<Reporter, "flushed">,
  timer: Timer,
  withinMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const acknowledged = new AbortController();
  const either = signal === undefined ? acknowledged.signal : AbortSignal.any([signal, acknowledged.signal]);
  const timeUp = delayOrAbort(timer, withinMs, either);
  await Promise.race([reporter.flushed(), timeUp]);
  acknowledged.abort();
}
