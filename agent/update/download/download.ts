import type { BootClock, Timer } from "../../clock.ts";
import { AgentError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import type { Settings } from "../../settings.ts";
import type { Image } from "../job.ts";
import type { FetchOrder, Fetcher } from "../ports.ts";
import type { Delay, Progress } from "../report.ts";
import { judgeAnswer, type Verdict } from "./answer.ts";
import { bucketOf, take } from "./bucket.ts";
import {
  addressesOf,
  afterFailure,
  afterSetback,
  isOver,
  mostStartOvers,
  nextAddress,
  type Address,
} from "./policy.ts";
import type { Answer, PartialImage, Partials, Source } from "./ports.ts";
import { refuseTooMuch, wrongSize } from "./size.ts";

export interface DownloadTerms {
  /** No other try is begun when a job has been fetching for so long. */
  readonly deadlineMs: number;
  /** A server that sends fewer than `leastBytes` within `silenceMs` is lost. */
  readonly silenceMs: number;
  readonly leastBytes: number;
  /** 0 for no limit. */
  readonly bytesPerSecond: number;
}

export function downloadTerms(settings: Settings): DownloadTerms {
  return {
    deadlineMs: settings["update.download-deadline-seconds"],
    silenceMs: settings["update.silence-seconds"],
    leastBytes: settings["update.least-bytes"],
    bytesPerSecond: settings["update.bytes-per-second"],
  };
}

export interface DownloadPorts {
  readonly source: Source;
  readonly partials: Partials;
  readonly timer: Timer;
  readonly bootClock: BootClock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Log;
}

/** While it waits, how often the twin is offered why, and the time that has passed is noted. */
const waitSliceMs = 60_000;

/**
 * Fetches images through whatever servers and links do: goes on where it was cut off, waits and tries again until its
 * deadline, and hands out nothing that was not digested byte by byte. No image is ever held in memory.
 */
export class Download implements Fetcher {
  readonly #ports: DownloadPorts;
  readonly #terms: DownloadTerms;

  constructor(ports: DownloadPorts, terms: DownloadTerms) {
    this.#ports = ports;
    this.#terms = terms;
  }

  async fetch(order: FetchOrder, onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<Image> {
    const partial = await this.#ports.partials.open(order.path, order.operationId, signal);
    let image: Image;
    try {
      image = await new Course(this.#ports, this.#terms, order, partial, onProgress, signal).run();
    } catch (cause) {
      await partial.close().catch((second: unknown) => {
        this.#ports.log.warn({ err: second }, "partial image not closed"); // The first error is the one to tell.
      });
      throw cause;
    }
    await partial.close();
    return image;
  }
}

/** How one try has ended. */
type TryEnd =
  /** The server says that this was all. `unbroken` when all of it came in one answer that announced its end. */
  | { readonly kind: "whole"; readonly unbroken: boolean }
  | { readonly kind: "startOver"; readonly why: string }
  | { readonly kind: "again"; readonly what: string; readonly retryAfterMs: number | null; readonly error: AgentError }
  | { readonly kind: "ended"; readonly error: AgentError };

/** One image on its way here, from the first try to the last. */
class Course {
  readonly #ports: DownloadPorts;
  readonly #terms: DownloadTerms;
  readonly #order: FetchOrder;
  readonly #partial: PartialImage;
  readonly #onProgress: (progress: Progress) => void;
  readonly #signal: AbortSignal;
  readonly #begunMs: number;
  readonly #spentBeforeMs: number;
  readonly #fromDiskBytes: number;
  #addresses: Address[];
  #last = -1;
  #receivedBytes = 0;
  #mostBytes: number;
  #delay: Delay | null = null;
  readonly #told = new Set<string>();

  constructor(
    ports: DownloadPorts,
    terms: DownloadTerms,
    order: FetchOrder,
    partial: PartialImage,
    onProgress: (progress: Progress) => void,
    signal: AbortSignal,
  ) {
    this.#ports = ports;
    this.#terms = terms;
    this.#order = order;
    this.#partial = partial;
    this.#onProgress = onProgress;
    this.#signal = signal;
    this.#begunMs = ports.bootClock.nowMs();
    this.#spentBeforeMs = partial.spent.fetchingMs;
    this.#fromDiskBytes = partial.bytes;
    this.#mostBytes = partial.bytes;
    this.#addresses = addressesOf(order.uris);
  }

  async run(): Promise<Image> {
    const { sha256 } = this.#order;
    this.#tellProgress();
    // Cut off between its last byte and the step that follows: there is nothing left to ask a server for.
    let end: TryEnd | undefined = this.#seemsWhole() ? { kind: "whole", unbroken: false } : undefined;
    for (;;) {
      end ??= await this.#tryNext();
      // Whatever a server said of its length: bytes with the digest that was asked for are the image.
      if (this.#partial.digest() === sha256) return this.#finish();
      const image = await this.#takeUp(end);
      if (image !== undefined) return image;
      end = undefined;
    }
  }

  /** What the end of a try comes to: another one, an image that is not the one asked for, or an error. */
  async #takeUp(end: TryEnd): Promise<Image | undefined> {
    const partial = this.#partial;
    switch (end.kind) {
      case "whole":
        if (!end.unbroken && !partial.spent.fetchedAgain) {
          this.#ports.log.warn({ bytes: partial.bytes }, "parts do not fit together, fetching it whole");
          await partial.startOver({ ...this.#spent(), fetchedAgain: true });
          return undefined;
        }
        this.#endAddress();
        if (this.#addresses.every(({ ended }) => ended)) return this.#finish(); // Told apart by its digest.
        await this.#startOver("it is another image than was asked for");
        return undefined;
      case "startOver":
        await this.#startOver(end.why);
        return undefined;
      case "ended":
        this.#ports.log.warn({ address: this.#last + 1, of: this.#addresses.length, err: end.error }, "address ended");
        this.#endAddress();
        if (this.#addresses.every(({ ended }) => ended)) throw end.error;
        return undefined;
      case "again":
        this.#setBack(end);
        await partial.account(this.#spent());
        return undefined;
    }
  }

  #finish(): Image {
    const { bytes } = this.#partial;
    const { log } = this.#ports;
    log.info({ bytes, fromDisk: this.#fromDiskBytes, fromNetwork: this.#receivedBytes }, "image fetched");
    return { sha256: this.#partial.digest(), sizeBytes: bytes };
  }

  #seemsWhole(): boolean {
    const { bytes, totalBytes } = this.#partial;
    const { sizeBytes, sha256 } = this.#order;
    return bytes > 0 && (bytes === (totalBytes ?? sizeBytes) || this.#partial.digest() === sha256);
  }

  /** Waits for an address that may be asked, and asks it. */
  async #tryNext(): Promise<TryEnd> {
    const { bootClock } = this.#ports;
    const index = nextAddress(this.#addresses, this.#last, bootClock.nowMs());
    const address = index === undefined ? undefined : this.#addresses[index];
    if (index === undefined || address === undefined)
      throw new AgentError("internal", "No address is left to fetch the image from.");
    this.#last = index;
    await this.#waitUntil(address.readyAtMs);
    this.#addresses[index] = { ...address, tries: address.tries + 1 };
    this.#mostBytes = Math.max(this.#mostBytes, this.#partial.bytes);
    try {
      return await this.#try(address.uri);
    } catch (cause) {
      this.#signal.throwIfAborted();
      if (!(cause instanceof AgentError)) throw cause;
      const means = afterFailure(cause.code);
      if (means === "final") throw cause;
      return means === "ended"
        ? { kind: "ended", error: cause }
        : { kind: "again", what: cause.code, retryAfterMs: null, error: cause };
    }
  }

  async #try(uri: string): Promise<TryEnd> {
    const { source } = this.#ports;
    const asked = {
      fromBytes: this.#partial.bytes,
      totalBytes: this.#partial.totalBytes,
      source: this.#partial.source,
    };
    const answer = await this.#watched(
      () => true,
      (signal) => source.get({ uri, ...asked }, signal),
    );
    try {
      const verdict = judgeAnswer(asked, answer);
      if (verdict.kind === "image") return await this.#take(answer, verdict);
      if (verdict.kind === "whole") return { kind: "whole", unbroken: false };
      if (verdict.kind === "startOver") return verdict;
      const { kind } = verdict;
      if (kind === "ended")
        return { kind, error: refused(answer, "Check the address, and whether a signed one has expired.") };
      const error = refused(answer, "Look at the server, then ask again.");
      return { kind, what: `status ${answer.status}`, retryAfterMs: verdict.retryAfterMs, error };
    } finally {
      answer.close();
    }
  }

  /** Takes a body in: measured, bounded, slowed down where the owner wants it, and written. */
  async #take(answer: Answer, part: Extract<Verdict, { kind: "image" }>): Promise<TryEnd> {
    const { sizeBytes, largestBytes, roomBytes } = this.#order;
    const { timer, bootClock } = this.#ports;
    const partial = this.#partial;
    if (part.totalBytes !== null) {
      if (sizeBytes !== null && part.totalBytes !== sizeBytes) throw wrongSize(part.totalBytes, sizeBytes);
      refuseTooMuch(part.totalBytes, largestBytes, roomBytes);
    }
    if (part.fromBytes === 0 && partial.bytes > 0) await this.#startOver("the server sends it from its first byte");
    await partial.describe(part.totalBytes, part.source);
    let bucket = bucketOf(this.#terms.bytesPerSecond, bootClock.nowMs());
    let lookedAtBytes = partial.bytes;
    const isTooSlow = (): boolean => {
      const cameBytes = partial.bytes - lookedAtBytes;
      lookedAtBytes = partial.bytes;
      return cameBytes < this.#leastBytes;
    };
    await this.#watched(isTooSlow, async (signal) => {
      signal.addEventListener("abort", () => answer.close(), { once: true }); // Or nobody would wake a silent body.
      for await (const piece of answer.body) {
        signal.throwIfAborted();
        const bytes = partial.bytes + piece.length;
        if (part.untilBytes !== null && bytes > part.untilBytes)
          throw lost(partial, "the server sent more than it said");
        if (sizeBytes !== null && bytes > sizeBytes) throw wrongSize(bytes, sizeBytes);
        refuseTooMuch(bytes, largestBytes, roomBytes);
        await partial.append(piece);
        this.#receivedBytes += piece.length;
        this.#delay = null;
        this.#tellProgress();
        const taken = take(bucket, piece.length, bootClock.nowMs());
        ({ bucket } = taken);
        if (taken.waitMs > 0) await timer.after(taken.waitMs, signal);
      }
    });
    const wantedBytes = part.totalBytes ?? part.untilBytes ?? sizeBytes;
    if (wantedBytes !== null && partial.bytes < wantedBytes) throw lost(partial, "the server ended it early");
    return { kind: "whole", unbroken: part.fromBytes === 0 && answer.isFramed };
  }

  /** Fewer bytes than this within the silence: lost. A cap of the owner's own must not look like a slow server. */
  get #leastBytes(): number {
    const { leastBytes, bytesPerSecond, silenceMs } = this.#terms;
    const cappedBytes = bytesPerSecond === 0 ? Infinity : (bytesPerSecond * silenceMs) / 2_000;
    return Math.max(1, Math.min(leastBytes, cappedBytes));
  }

  /** Does something with a server, and drops it when it is found too slow each time it is looked at. */
  async #watched<T>(isTooSlow: () => boolean, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { silenceMs } = this.#terms;
    const done = new AbortController();
    const slow = new AbortController();
    const watching = (async () => {
      const either = AbortSignal.any([this.#signal, done.signal]);
      do await this.#ports.timer.after(silenceMs, either);
      while (!isTooSlow());
      slow.abort();
    })().catch(() => undefined); // It is done, or stopped: nobody watches any more.
    try {
      return await act(AbortSignal.any([this.#signal, slow.signal]));
    } catch (cause) {
      this.#signal.throwIfAborted();
      if (slow.signal.aborted) throw lost(this.#partial, `hardly anything came for ${silenceMs / 1_000} s`, cause);
      throw cause;
    } finally {
      done.abort();
      await watching;
    }
  }

  /** Drops every byte and begins anew, a bounded number of times: each costs the whole image once more. */
  async #startOver(why: string): Promise<void> {
    const spent = this.#spent();
    const { bytes } = this.#partial;
    this.#ports.log.warn({ why, bytes, startOvers: spent.startOvers + 1 }, "download begins again");
    if (spent.startOvers >= mostStartOvers) {
      throw new AgentError(
        "not-resumable",
        `The download began at its first byte ${mostStartOvers} times; now again, because ${why}. Serve a file that stays as it is from a server that answers range requests.`,
      );
    }
    await this.#partial.startOver({ ...spent, startOvers: spent.startOvers + 1 });
    this.#tellProgress();
  }

  #endAddress(): void {
    this.#addresses = this.#addresses.map((one, index) => (index === this.#last ? { ...one, ended: true } : one));
  }

  /** Notes when the address may be asked again, and says why it has to wait: once for each cause. */
  #setBack({ error, what, retryAfterMs }: Extract<TryEnd, { kind: "again" }>): void {
    const { deadlineMs } = this.#terms;
    const { bootClock, log, random } = this.#ports;
    const spentMs = this.#spent().fetchingMs;
    if (isOver(this.#addresses, spentMs, deadlineMs)) {
      if (deadlineMs === 0) throw error;
      const hours = Math.round(deadlineMs / 360_000) / 10;
      throw new AgentError(error.code, `Gave up after trying for ${hours} h. ${error.message}`, { cause: error });
    }
    const nowMs = bootClock.nowMs();
    const gainedBytes = this.#partial.bytes - this.#mostBytes;
    const patience = { nowMs, spentMs, deadlineMs, random: random() };
    this.#addresses = this.#addresses.map((one, index) =>
      index === this.#last ? afterSetback(one, { gainedBytes, retryAfterMs }, patience) : one,
    );
    this.#delay = { code: error.code, message: error.message };
    const retryInMs = (this.#addresses[this.#last]?.readyAtMs ?? nowMs) - nowMs;
    const line = { what, reason: error.message, bytes: this.#partial.bytes, retryInMs };
    if (this.#told.has(what)) log.debug(line, "download delayed");
    else log.warn(line, "download delayed");
    this.#told.add(what);
  }

  async #waitUntil(readyAtMs: number): Promise<void> {
    const { timer, bootClock } = this.#ports;
    for (let leftMs = readyAtMs - bootClock.nowMs(); leftMs > 0; leftMs = readyAtMs - bootClock.nowMs()) {
      this.#tellProgress();
      await timer.after(Math.min(leftMs, waitSliceMs), this.#signal);
      await this.#partial.account(this.#spent());
    }
  }

  #spent(): PartialImage["spent"] {
    const fetchingMs = this.#spentBeforeMs + this.#ports.bootClock.nowMs() - this.#begunMs;
    return { ...this.#partial.spent, fetchingMs };
  }

  #tellProgress(): void {
    const { bytes, totalBytes } = this.#partial;
    this.#onProgress({ receivedBytes: bytes, totalBytes: totalBytes ?? this.#order.sizeBytes, delay: this.#delay });
  }
}

function refused({ address, status }: Answer, advice: string): AgentError {
  return new AgentError("http-status", `${address} answered with status ${status}. ${advice}`);
}

function lost({ bytes, totalBytes }: PartialImage, why: string, cause?: unknown): AgentError {
  const total = totalBytes === null ? "an unknown number" : String(totalBytes);
  return new AgentError(
    "unreachable",
    `The download was lost after ${bytes} of ${total} bytes: ${why}. Check the server and the link, then ask again.`,
    { cause },
  );
}
