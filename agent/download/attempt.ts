import type { Runtime } from "../lib/runtime.ts";
import { AgentError } from "../lib/errors.ts";
import type { DownloadRequest } from "../update/ports.ts";
import { evaluateResponse, type ResponseOutcome } from "./response.ts";
import { createBucket, takeTokens } from "./token-bucket.ts";
import type { ImageResponse, PartialImage, HttpSource } from "./ports.ts";
import { checkImageSize, sizeMismatch } from "./response.ts";

/** How one try has ended. */
export type AttemptResult =
  /** The server says that this was all. `unbroken` when all of it came in one answer that announced its end. */
  | { readonly kind: "complete"; readonly unbroken: boolean }
  | { readonly kind: "startOver"; readonly why: string }
  | { readonly kind: "retry"; readonly what: string; readonly retryAfterMs: number | null; readonly error: AgentError }
  | { readonly kind: "abandon"; readonly error: AgentError };

/** What a server may take, and what it is allowed. */
export interface TransferLimits {
  /** A server that sends fewer than `leastBytes` within `silenceMs` is lost. */
  readonly silenceMs: number;
  readonly minBytes: number;
  /** 0 for no limit. */
  readonly bytesPerSecond: number;
}

/** What a try needs of the download that it belongs to. */
export interface AttemptPorts extends Runtime {
  readonly source: HttpSource;
  /** Drops every byte, a bounded number of times; rejects when that was once too often. */
  readonly startOver: (why: string) => Promise<void>;
  /** Called for each piece that was written. */
  readonly onChunk: (bytes: number) => void;
  /** Whether the time for the whole download is over: looked at whenever a server is, which ends the try. */
  readonly mustAbort: () => boolean;
}

/** One question to one server, and what of its answer comes to lie on disk. */
export class Attempt {
  readonly #ports: AttemptPorts;
  readonly #limits: TransferLimits;
  readonly #request: DownloadRequest;
  readonly #partial: PartialImage;
  readonly #signal: AbortSignal;

  constructor(
    ports: AttemptPorts,
    terms: TransferLimits,
    order: DownloadRequest,
    partial: PartialImage,
    signal: AbortSignal,
  ) {
    this.#ports = ports;
    this.#limits = terms;
    this.#request = order;
    this.#partial = partial;
    this.#signal = signal;
  }

  /** Rejects with an AgentError when the server, the link or the image is not as it should be. */
  async run(uri: string): Promise<AttemptResult> {
    const { source } = this.#ports;
    const asked = {
      fromBytes: this.#partial.bytes,
      totalBytes: this.#partial.totalBytes,
      source: this.#partial.source,
    };
    const answer = await this.#withStallCheck(
      () => true,
      (signal) => source.get({ uri, ...asked }, signal),
    );
    try {
      const verdict = evaluateResponse(asked, answer);
      if (verdict.kind === "content") return await this.#receive(answer, verdict);
      if (verdict.kind === "complete") return { kind: "complete", unbroken: false };
      if (verdict.kind === "startOver") return verdict;
      const { kind } = verdict;
      if (kind === "abandon")
        return { kind, error: badStatus(answer, "Check the address, and whether a signed one has expired.") };
      const error = badStatus(answer, "Look at the server, then ask again.");
      return { kind, what: `status ${answer.status}`, retryAfterMs: verdict.retryAfterMs, error };
    } finally {
      answer.close();
    }
  }

  /** Takes a body in: measured, bounded, slowed down where the owner wants it, and written. */
  async #receive(answer: ImageResponse, part: Extract<ResponseOutcome, { kind: "content" }>): Promise<AttemptResult> {
    const { sizeBytes, maxBytes, availableBytes } = this.#request;
    const { timer, bootClock, startOver, onChunk } = this.#ports;
    const partial = this.#partial;
    if (part.totalBytes !== null) {
      if (sizeBytes !== null && part.totalBytes !== sizeBytes) throw sizeMismatch(part.totalBytes, sizeBytes);
      checkImageSize(part.totalBytes, maxBytes, availableBytes);
    }
    if (part.fromBytes === 0 && partial.bytes > 0) await startOver("the server sends it from its first byte");
    await partial.setSource(part.totalBytes, part.source);
    let bucket = createBucket(this.#limits.bytesPerSecond, bootClock.nowMs());
    let lookedAtBytes = partial.bytes;
    /** Whether it waits for its share of the line now, and whether it did at any time since the last look. */
    const pause = { is: false, was: false };
    const isTooSlow = (): boolean => {
      const cameBytes = partial.bytes - lookedAtBytes;
      const isOwnDoing = pause.was; // A piece may be all that a narrow share lets through in several looks.
      lookedAtBytes = partial.bytes;
      pause.was = pause.is;
      return !isOwnDoing && cameBytes < Math.max(1, this.#limits.minBytes);
    };
    await this.#withStallCheck(isTooSlow, async (signal) => {
      signal.addEventListener("abort", () => answer.close(), { once: true }); // Or nobody would wake a silent body.
      for await (const piece of answer.body) {
        signal.throwIfAborted();
        const bytes = partial.bytes + piece.length;
        if (part.untilBytes !== null && bytes > part.untilBytes)
          throw connectionLost(partial, "the server sent more than it said");
        if (sizeBytes !== null && bytes > sizeBytes) throw sizeMismatch(bytes, sizeBytes);
        checkImageSize(bytes, maxBytes, availableBytes);
        await partial.append(piece);
        onChunk(piece.length);
        const taken = takeTokens(bucket, piece.length, bootClock.nowMs());
        ({ bucket } = taken);
        if (taken.waitMs === 0) continue;
        pause.is = pause.was = true;
        await timer.after(taken.waitMs, signal);
        pause.is = false;
      }
    });
    const wantedBytes = part.totalBytes ?? part.untilBytes ?? sizeBytes;
    if (wantedBytes !== null && partial.bytes < wantedBytes) throw connectionLost(partial, "the server ended it early");
    return { kind: "complete", unbroken: part.fromBytes === 0 && answer.isLengthKnown };
  }

  /** Does something with a server, and drops it when it is found too slow, or too late, each time it is looked at. */
  async #withStallCheck<T>(isTooSlow: () => boolean, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { silenceMs } = this.#limits;
    const { timer, mustAbort } = this.#ports;
    const done = new AbortController();
    const dropped = new AbortController();
    let why: string | undefined;
    const watching = (async () => {
      const either = AbortSignal.any([this.#signal, done.signal]);
      while (why === undefined) {
        await timer.after(silenceMs, either);
        if (isTooSlow()) why = `hardly anything came for ${silenceMs / 1_000} s`;
        else if (mustAbort()) why = "its time was up (update.download-deadline-seconds)";
      }
      dropped.abort();
    })().catch(() => undefined); // It is done, or stopped: nobody watches any more.
    try {
      return await act(AbortSignal.any([this.#signal, dropped.signal]));
    } catch (cause) {
      this.#signal.throwIfAborted();
      if (why !== undefined) throw connectionLost(this.#partial, why, cause);
      throw cause;
    } finally {
      done.abort();
      await watching;
    }
  }
}

function badStatus({ address, status }: ImageResponse, advice: string): AgentError {
  return new AgentError("http-status", `${address} answered with status ${status}. ${advice}`);
}

function connectionLost({ bytes, totalBytes }: PartialImage, why: string, cause?: unknown): AgentError {
  const total = totalBytes === null ? "an unknown number" : String(totalBytes);
  return new AgentError(
    "unreachable",
    `The download was lost after ${bytes} of ${total} bytes: ${why}. Check the server and the link, then ask again.`,
    { cause },
  );
}
