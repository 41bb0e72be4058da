import type { Runtime } from "../lib/runtime.ts";
import { formatDuration } from "../contract/duration.ts";
import { AgentError } from "../lib/errors.ts";
import type { Settings } from "../config/settings.ts";
import type { Image } from "../update/job.ts";
import type { DownloadRequest, ImageDownloader } from "../update/ports.ts";
import type { UpdateDelay, DownloadProgress } from "../update/update-snapshot.ts";
import { Attempt, type TransferLimits, type AttemptResult } from "./attempt.ts";
import {
  createMirrors,
  scheduleRetry,
  mustAbortAttempt,
  deadlinePassed,
  maxStartOvers,
  nextMirror,
  type Mirror,
} from "./mirror-policy.ts";
import { errorOutcome } from "./failure-outcome.ts";
import { hasUsedAny, noUsage } from "./partial-metadata.ts";
import type { PartialImage, PartialStore, HttpSource } from "./ports.ts";

export interface DownloadLimits extends TransferLimits {
  /** Longest time for one job in all its attempts; 0 for a single attempt without a deadline. */
  readonly deadlineMs: number;
}

export function downloadLimits(settings: Settings): DownloadLimits {
  return {
    deadlineMs: settings.downloadDeadlineMs,
    silenceMs: settings.downloadSilenceMs,
    minBytes: settings.downloadLeastBytes,
    bytesPerSecond: settings.downloadBytesPerSecond,
  };
}

export interface DownloadPorts extends Runtime {
  readonly source: HttpSource;
  readonly partialStore: PartialStore;
}

/** While a download waits for a retry: how often it reports the reason and saves the elapsed time. */
const waitSliceMs = 60_000;

/**
 * Downloads images: resumes interrupted transfers, retries with backoff until the deadline, and digests every byte. No image
 * is ever held in memory.
 */
export class Downloader implements ImageDownloader {
  readonly #ports: DownloadPorts;
  readonly #limits: DownloadLimits;

  constructor(ports: DownloadPorts, limits: DownloadLimits) {
    this.#ports = ports;
    this.#limits = limits;
  }

  async download(
    request: DownloadRequest,
    onProgress: (progress: DownloadProgress) => void,
    signal: AbortSignal,
  ): Promise<Image> {
    const { path, operationId, isFirst } = request;
    const partial = await this.#ports.partialStore.open(path, operationId, signal);
    let image: Image;
    try {
      // The same operation may be tried again, at another address: the time and the tries of the one before do not count.
      if (isFirst && hasUsedAny(partial.usage)) await partial.saveUsage(noUsage(operationId));
      image = await new ResumableDownload(this.#ports, this.#limits, request, partial, onProgress, signal).run();
    } catch (cause) {
      await partial.close().catch((closeError: unknown) => {
        this.#ports.log.warn({ err: closeError }, "partial image not closed"); // The first error is the cause.
      });
      throw cause;
    }
    await partial.close();
    return image;
  }
}

/** The download of one image, from the first attempt to the last. */
class ResumableDownload {
  readonly #ports: DownloadPorts;
  readonly #limits: DownloadLimits;
  readonly #request: DownloadRequest;
  readonly #partial: PartialImage;
  readonly #onProgress: (progress: DownloadProgress) => void;
  readonly #signal: AbortSignal;
  readonly #startedMs: number;
  readonly #usedBeforeMs: number;
  readonly #fromDiskBytes: number;
  #mirrors: Mirror[];
  #current = -1;
  #receivedBytes = 0;
  #maxBytesReached: number;
  #delay: UpdateDelay | null = null;
  readonly #warned = new Set<string>();
  readonly #attempt: Attempt;

  constructor(
    ports: DownloadPorts,
    limits: DownloadLimits,
    request: DownloadRequest,
    partial: PartialImage,
    onProgress: (progress: DownloadProgress) => void,
    signal: AbortSignal,
  ) {
    this.#ports = ports;
    this.#limits = limits;
    this.#request = request;
    this.#partial = partial;
    this.#onProgress = onProgress;
    this.#signal = signal;
    this.#startedMs = ports.bootClock.nowMs();
    this.#usedBeforeMs = partial.usage.fetchingMs;
    this.#fromDiskBytes = partial.bytes;
    this.#maxBytesReached = partial.bytes;
    this.#mirrors = createMirrors(request.uris);
    const startOver = (why: string): Promise<void> => this.#startOver(why);
    const onChunk = (bytes: number): void => this.#onChunk(bytes);
    const mustAbort = (): boolean => mustAbortAttempt(this.#usage().fetchingMs, limits.deadlineMs);
    this.#attempt = new Attempt({ ...ports, startOver, onChunk, mustAbort }, limits, request, partial, signal);
  }

  async run(): Promise<Image> {
    try {
      return await this.#untilComplete();
    } finally {
      this.#partial.setUsage(this.#usage());
    }
  }

  async #untilComplete(): Promise<Image> {
    const { sha256 } = this.#request;
    this.#reportProgress();
    // Interrupted after its last byte: no request is needed.
    let end: AttemptResult | undefined = this.#isProbablyComplete() ? { kind: "complete", unbroken: false } : undefined;
    for (;;) {
      end ??= await this.#attemptNext();
      // Bytes with the expected digest are the image, whatever length a server gave.
      if (this.#partial.digest() === sha256) return this.#finish();
      const image = await this.#handleResult(end);
      if (image !== undefined) return image;
      end = undefined;
    }
  }

  /** Decides what follows an attempt: another one (undefined), a completed image, or an error. */
  async #handleResult(end: AttemptResult): Promise<Image | undefined> {
    const partial = this.#partial;
    switch (end.kind) {
      case "complete":
        if (!end.unbroken && !partial.usage.fetchedAgain) {
          this.#ports.log.warn(
            { bytes: partial.bytes },
            "digest wrong after a resumed download, downloading the whole image again",
          );
          await partial.startOver({ ...this.#usage(), fetchedAgain: true });
          return undefined;
        }
        this.#abandonMirror();
        if (this.#mirrors.every(({ abandoned }) => abandoned)) return this.#finish(); // The caller compares the digest.
        await this.#startOver("its digest is not the requested one");
        return undefined;
      case "startOver":
        await this.#startOver(end.why);
        return undefined;
      case "abandon":
        this.#ports.log.warn(
          { mirror: this.#current + 1, of: this.#mirrors.length, err: end.error },
          "mirror abandoned",
        );
        this.#abandonMirror();
        if (this.#mirrors.every(({ abandoned }) => abandoned)) throw end.error;
        return undefined;
      case "retry":
        this.#scheduleRetry(end);
        return undefined;
    }
  }

  #finish(): Image {
    const { bytes } = this.#partial;
    const { log } = this.#ports;
    log.info({ bytes, fromDisk: this.#fromDiskBytes, fromNetwork: this.#receivedBytes }, "image downloaded");
    return { sha256: this.#partial.digest(), sizeBytes: bytes };
  }

  #isProbablyComplete(): boolean {
    const { bytes, totalBytes } = this.#partial;
    const { sizeBytes, sha256 } = this.#request;
    return bytes > 0 && (bytes === (totalBytes ?? sizeBytes) || this.#partial.digest() === sha256);
  }

  /** Waits until the next mirror may be asked, then makes one attempt there. */
  async #attemptNext(): Promise<AttemptResult> {
    const { bootClock } = this.#ports;
    const index = nextMirror(this.#mirrors, this.#current, bootClock.nowMs());
    const mirror = index === undefined ? undefined : this.#mirrors[index];
    if (index === undefined || mirror === undefined)
      throw new AgentError("internal", "No mirror is left to download the image from.");
    this.#current = index;
    await this.#waitUntil(mirror.readyAtMs);
    this.#mirrors[index] = { ...mirror, tries: mirror.tries + 1 };
    this.#maxBytesReached = Math.max(this.#maxBytesReached, this.#partial.bytes);
    try {
      return await this.#attempt.run(mirror.uri);
    } catch (cause) {
      this.#signal.throwIfAborted();
      if (!(cause instanceof AgentError)) throw cause;
      const outcome = errorOutcome(cause.code);
      if (outcome === "fatal") throw cause;
      return outcome === "abandon"
        ? { kind: "abandon", error: cause }
        : { kind: "retry", what: cause.code, retryAfterMs: null, error: cause };
    }
  }

  /** Discards all bytes and starts again, a bounded number of times: each costs the whole image. */
  async #startOver(why: string): Promise<void> {
    const usage = this.#usage();
    const { bytes } = this.#partial;
    this.#ports.log.warn({ why, bytes, startOvers: usage.startOvers + 1 }, "download starts again at the first byte");
    if (usage.startOvers >= maxStartOvers) {
      throw new AgentError(
        "not-resumable",
        `The download started again at the first byte ${maxStartOvers} times and would have to once more: ${why}. Serve a file that does not change, from a server that answers range requests.`,
      );
    }
    await this.#partial.startOver({ ...usage, startOvers: usage.startOvers + 1 });
    this.#reportProgress();
  }

  #abandonMirror(): void {
    this.#mirrors = this.#mirrors.map((one, index) => (index === this.#current ? { ...one, abandoned: true } : one));
  }

  /** Sets when the mirror may be asked again. Logs each cause once at warn, then at debug. */
  #scheduleRetry({ error, what, retryAfterMs }: Extract<AttemptResult, { kind: "retry" }>): void {
    const { deadlineMs } = this.#limits;
    const { bootClock, log, random } = this.#ports;
    const elapsedMs = this.#usage().fetchingMs;
    if (deadlinePassed(this.#mirrors, elapsedMs, deadlineMs)) {
      if (deadlineMs === 0) throw error;
      throw new AgentError(error.code, `Gave up after ${formatDuration(deadlineMs)} of attempts. ${error.message}`, {
        cause: error,
      });
    }
    const nowMs = bootClock.nowMs();
    const gainedBytes = this.#partial.bytes - this.#maxBytesReached;
    const context = { nowMs, elapsedMs, deadlineMs, random: random() };
    this.#mirrors = this.#mirrors.map((one, index) =>
      index === this.#current ? scheduleRetry(one, { gainedBytes, retryAfterMs }, context) : one,
    );
    this.#delay = { code: error.code, message: error.message };
    const retryInMs = (this.#mirrors[this.#current]?.readyAtMs ?? nowMs) - nowMs;
    const fields = { what, reason: error.message, bytes: this.#partial.bytes, retryInMs };
    if (this.#warned.has(what)) log.debug(fields, "download delayed");
    else log.warn(fields, "download delayed");
    this.#warned.add(what);
  }

  async #waitUntil(readyAtMs: number): Promise<void> {
    const { timer, bootClock } = this.#ports;
    // Another mirror is asked at once, and may take long to answer: why the one before failed is told all the same.
    if (readyAtMs <= bootClock.nowMs() && this.#delay !== null) this.#reportProgress();
    for (let leftMs = readyAtMs - bootClock.nowMs(); leftMs > 0; leftMs = readyAtMs - bootClock.nowMs()) {
      this.#reportProgress();
      await timer.after(Math.min(leftMs, waitSliceMs), this.#signal);
      await this.#partial.saveUsage(this.#usage());
    }
  }

  #onChunk(bytes: number): void {
    this.#receivedBytes += bytes;
    this.#delay = null;
    this.#partial.setUsage(this.#usage());
    this.#reportProgress();
  }

  #usage(): PartialImage["usage"] {
    const fetchingMs = this.#usedBeforeMs + this.#ports.bootClock.nowMs() - this.#startedMs;
    return { ...this.#partial.usage, fetchingMs };
  }

  #reportProgress(): void {
    const { bytes, totalBytes } = this.#partial;
    this.#onProgress({ receivedBytes: bytes, totalBytes: totalBytes ?? this.#request.sizeBytes, delay: this.#delay });
  }
}
