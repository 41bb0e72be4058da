import type { Runtime } from "../lib/runtime.ts";
import { AgentError } from "../lib/errors.ts";
import type { Settings } from "../config/settings.ts";
import type { Image } from "../update/job.ts";
import type { FetchOrder, Fetcher } from "../update/ports.ts";
import type { Delay, Progress } from "../update/report.ts";
import { Attempt, type AttemptTerms, type TryEnd } from "./attempt.ts";
import {
  addressesOf,
  afterFailure,
  afterSetback,
  endsTry,
  isOver,
  mostStartOvers,
  nextAddress,
  type Address,
} from "./mirror-policy.ts";
import type { PartialImage, Partials, Source } from "./ports.ts";

export interface DownloadTerms extends AttemptTerms {
  /** When a job has been fetching for so long, no other try is begun, and none goes on for longer than a silence; 0 for one. */
  readonly deadlineMs: number;
}

export function downloadTerms(settings: Settings): DownloadTerms {
  return {
    deadlineMs: settings.downloadDeadlineMs,
    silenceMs: settings.downloadSilenceMs,
    leastBytes: settings.downloadLeastBytes,
    bytesPerSecond: settings.downloadBytesPerSecond,
  };
}

export interface DownloadPorts extends Runtime {
  readonly source: Source;
  readonly partials: Partials;
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
  readonly #attempt: Attempt;

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
    const startOver = (why: string): Promise<void> => this.#startOver(why);
    const onPiece = (bytes: number): void => this.#take(bytes);
    const isTimeUp = (): boolean => endsTry(this.#spent().fetchingMs, terms.deadlineMs);
    this.#attempt = new Attempt({ ...ports, startOver, onPiece, isTimeUp }, terms, order, partial, signal);
  }

  async run(): Promise<Image> {
    try {
      return await this.#fetchWhole();
    } finally {
      this.#partial.remember(this.#spent());
    }
  }

  async #fetchWhole(): Promise<Image> {
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
      return await this.#attempt.run(address.uri);
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

  #take(bytes: number): void {
    this.#receivedBytes += bytes;
    this.#delay = null;
    this.#partial.remember(this.#spent());
    this.#tellProgress();
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
