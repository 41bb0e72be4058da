import type { JsonObject } from "../contract/json.ts";
import { delayOrAbort } from "../lib/abort.ts";
import type { BootClock, Timer } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { mergePatch } from "../contract/twin-patch.ts";
import { twinSize } from "../contract/twin-size.ts";
import { ConnectionError } from "../hub/connection-error.ts";
import {
  formatReporting,
  isSameStatus,
  statusAfter,
  type RejectionReason,
  type ReportingStatus,
} from "./reporting-status.ts";
import {
  afterAcceptance,
  afterLongTime,
  afterRefusal,
  isTwinOld,
  largestReport,
  noRefusals,
  type Refusals,
  type Report,
} from "./refused-reports.ts";

/** How many reports wait for a hub that cannot be reached. Beyond that the oldest is dropped; the newest is always sent. */
const maxQueueLength = 64;

/** What the hub has refused is tried again after this, with the next change: other software may have made room. */
const retryRefusedMs = 3_600_000;

/** Sends a patch; resolves when the hub has acknowledged it. */
export type SendPatch = (patch: JsonObject) => Promise<void>;

/**
 * Brings the reported properties to the last state enqueued: sends the difference to what the twin holds, one patch in flight
 * at a time. Phases are sent in order, each of them; progress may be skipped. Where the hub refuses a report, a smaller one is
 * sent (reduced-properties.ts); what was refused is remembered, because each attempt counts against the hub's quota.
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
  readonly #bootClock: BootClock;
  #refusals: Refusals = noRefusals;
  /** When the hub refused something last, or was found to hold as much as then. */
  #refusedAtMs = 0;
  /** The size of what the twin held when it was known last. */
  #heldBytes: number | undefined;
  #status: ReportingStatus = { state: "complete" };
  #lastRefusal: RejectionReason = { isTooLarge: false, reason: "" };
  #sendingSinceMs: number | undefined;

  constructor(log: Log, bootClock: BootClock) {
    this.#log = log;
    this.#bootClock = bootClock;
  }

  /** Whether the twin holds what was enqueued, as `getStatus` tells it. */
  get status(): JsonObject {
    const since = this.#sendingSinceMs;
    return formatReporting(this.#status, since === undefined ? null : this.#bootClock.nowMs() - since);
  }

  /** Enqueues all reported properties, to be sent after those before them. */
  enqueue(target: JsonObject, kind: "phase" | "progress"): void {
    if (this.#bootClock.nowMs() - this.#refusedAtMs >= retryRefusedMs) this.#refusals = noRefusals;
    if (this.#queue.at(-1)?.isProgress === true) this.#queue.pop();
    this.#queue.push({ target, isProgress: kind === "progress" });
    if (this.#queue.length > maxQueueLength) this.#queue.shift();
    this.#startDraining();
  }

  /** A connection is up and the twin was read: what it holds is the base of all differences from here on. */
  connected(reported: JsonObject, send: SendPatch): void {
    this.#noteRead(reported);
    this.#send = send;
    this.#startDraining();
  }

  /** The twin was read again over the present connection, while no patch was in flight. */
  reread(reported: JsonObject): void {
    if (this.#send !== undefined) this.#noteRead(reported);
  }

  disconnected(): void {
    if (this.#held !== undefined && this.#refusals !== noRefusals) this.#heldBytes = twinSize(this.#held);
    this.#held = undefined;
    this.#send = undefined;
    this.#sendingSinceMs = undefined;
  }

  /** What did not fit before does not fit now, unless the twin has changed meanwhile. */
  #noteRead(reported: JsonObject): void {
    if (this.#refusals !== noRefusals) {
      const before = this.#held === undefined ? this.#heldBytes : twinSize(this.#held);
      const isLong = this.#bootClock.nowMs() - this.#refusedAtMs >= retryRefusedMs;
      if (before !== twinSize(reported)) this.#refusals = noRefusals;
      else if (isLong) {
        this.#refusals = afterLongTime(this.#refusals);
        this.#refusedAtMs = this.#bootClock.nowMs();
      }
    }
    this.#held = reported;
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
    const report = largestReport(this.#held, next.target, this.#refusals);
    if (report?.patch !== undefined) {
      const isHeld = await this.#sendReport(report.patch, this.#held, send);
      if (!isHeld || report.isPart) return true;
    }
    this.#noteStatus(report);
    this.#queue = this.#queue.filter((one) => one !== next);
    return true;
  }

  /** Sends a patch. Returns whether the twin holds it now; if not, the report is due again, smaller or on another connection. */
  async #sendReport(patch: JsonObject, held: JsonObject, send: SendPatch): Promise<boolean> {
    this.#sendingSinceMs = this.#bootClock.nowMs();
    try {
      await send(patch);
    } catch (cause) {
      if (cause instanceof ConnectionError && (cause.kind === "rejected" || cause.kind === "twin-full"))
        this.#noteRefusal({ held, patch }, cause);
      else {
        // The session ends a connection that does not acknowledge; the next one reads the twin again.
        this.#log.warn({ err: cause }, "report not acknowledged");
        if (this.#send === send) this.disconnected();
      }
      return false;
    } finally {
      if (this.#send === send) this.#sendingSinceMs = undefined;
    }
    if (this.#send !== send || this.#held === undefined) return false;
    this.#held = mergePatch(this.#held, patch);
    this.#refusals = afterAcceptance(this.#refusals, patch);
    return true;
  }

  #noteRefusal(refused: Parameters<typeof afterRefusal>[1], error: ConnectionError): void {
    const isTooLarge = error.kind === "twin-full";
    this.#refusals = afterRefusal(this.#refusals, refused, isTooLarge);
    this.#refusedAtMs = this.#bootClock.nowMs();
    this.#lastRefusal = { isTooLarge, reason: error.message };
  }

  /** @param report what the twin holds now; undefined when the hub takes none */
  #noteStatus(report: Report | undefined): void {
    const before = this.#status;
    this.#status = statusAfter(isTwinOld(this.#refusals) ? undefined : report, this.#lastRefusal);
    if (isSameStatus(before, this.#status)) return;
    if (this.#status.state === "complete") this.#log.info("the twin takes all reports again");
    else {
      const { message = "" } = formatReporting(this.#status, null);
      if (this.#status.state === "reduced")
        this.#log.warn({ reason: message }, "the hub refuses a report, so a smaller one was sent");
      else this.#log.error({ reason: message }, "the hub takes no report");
    }
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
