import type { Runtime } from "../lib/runtime.ts";
import { AgentError } from "../lib/errors.ts";
import type { DownloadRequest } from "../update/ports.ts";
import { describeRestart, evaluateResponse, type ResponseOutcome } from "./resume-decisions.ts";
import { createBucket, takeTokens } from "./token-bucket.ts";
import type { ImageSource } from "./partial-metadata.ts";
import type { ImageResponse, PartialImage, HttpSource } from "./ports.ts";
import { checkImageSize, sizeMismatch } from "./image-size.ts";

/** The result of one attempt. */
export type AttemptResult =
  /** The server has sent everything. `unbroken`: in one response of a known length. */
  | { readonly kind: "complete"; readonly unbroken: boolean }
  | { readonly kind: "startOver"; readonly why: string }
  | { readonly kind: "retry"; readonly what: string; readonly retryAfterMs: number | null; readonly error: AgentError }
  | { readonly kind: "abandon"; readonly error: AgentError };

type ValidatorChanged = Extract<ResponseOutcome, { kind: "validatorChanged" }>;

/** Limits of one transfer. */
export interface TransferLimits {
  /** An attempt ends when fewer than `minBytes` arrive within `silenceMs`. */
  readonly silenceMs: number;
  readonly minBytes: number;
  /** 0 for no limit. */
  readonly bytesPerSecond: number;
}

/** What an attempt needs from its download. */
export interface AttemptPorts extends Runtime {
  readonly source: HttpSource;
  /** Discards all bytes. Rejects when that has happened too often. */
  readonly startOver: (why: string) => Promise<void>;
  /** Called for each chunk that was written. */
  readonly onChunk: (bytes: number) => void;
  /** Whether the deadline of the whole download has passed, which ends the attempt. */
  readonly mustAbort: () => boolean;
}

/** One HTTP request; streams the body into the partial file. */
export class Attempt {
  readonly #ports: AttemptPorts;
  readonly #limits: TransferLimits;
  readonly #request: DownloadRequest;
  readonly #partial: PartialImage;
  readonly #signal: AbortSignal;
  /** Set once the server has named the same file differently: nodes of a CDN would otherwise send it from its first byte, again and again. */
  #ignoresValidators = false;

  constructor(
    ports: AttemptPorts,
    limits: TransferLimits,
    request: DownloadRequest,
    partial: PartialImage,
    signal: AbortSignal,
  ) {
    this.#ports = ports;
    this.#limits = limits;
    this.#request = request;
    this.#partial = partial;
    this.#signal = signal;
  }

  /** Rejects with an AgentError when the server, the connection or the image is faulty. */
  async run(uri: string): Promise<AttemptResult> {
    const { bytes, usage, source } = this.#partial;
    // After a wrong digest, validators decide again which parts fit together.
    if (bytes === 0 || usage.fetchedAgain) this.#ignoresValidators = false;
    const result = await this.#ask(uri, this.#ignoresValidators ? null : source);
    if (result.kind !== "validatorChanged") return result;
    const { why } = result;
    this.#ports.log.warn({ why, bytes }, "validator changed, bytes kept until the digest decides");
    this.#ignoresValidators = true;
    const again = await this.#ask(uri, null);
    return again.kind === "validatorChanged" ? { kind: "startOver", why } : again;
  }

  /** One request. @param source whose validator is a condition; null for none */
  async #ask(uri: string, source: ImageSource | null): Promise<AttemptResult | ValidatorChanged> {
    const { bytes: fromBytes, totalBytes, usage } = this.#partial;
    const range = { fromBytes, totalBytes, source, mayDiffer: !usage.fetchedAgain };
    const response = await this.#withStallCheck(
      () => true,
      (signal) => this.#ports.source.get({ uri, fromBytes, source }, signal),
    );
    try {
      const outcome = evaluateResponse(range, response);
      if (outcome.kind === "content") return await this.#receive(response, outcome);
      if (outcome.kind === "complete") return { kind: "complete", unbroken: false };
      if (outcome.kind === "startOver" || outcome.kind === "validatorChanged") return outcome;
      const { kind } = outcome;
      if (kind === "abandon")
        return { kind, error: badStatus(response, "Check the address, and whether a signed one has expired.") };
      const error = badStatus(response, "Check the server, then request the update again.");
      return { kind, what: `status ${response.status}`, retryAfterMs: outcome.retryAfterMs, error };
    } finally {
      response.close();
    }
  }

  /** Writes the body to disk: checks its size, and limits its rate where the settings say so. */
  async #receive(response: ImageResponse, part: Extract<ResponseOutcome, { kind: "content" }>): Promise<AttemptResult> {
    const { sizeBytes, maxBytes, availableBytes } = this.#request;
    const { timer, bootClock, startOver, onChunk } = this.#ports;
    const partial = this.#partial;
    if (part.totalBytes !== null) {
      if (sizeBytes !== null && part.totalBytes !== sizeBytes) throw sizeMismatch(part.totalBytes, sizeBytes);
      checkImageSize(part.totalBytes, maxBytes, availableBytes);
    }
    if (part.fromBytes === 0 && partial.bytes > 0) await startOver(describeRestart(partial.source, part.source));
    await partial.setSource(part.totalBytes, part.source);
    let bucket = createBucket(this.#limits.bytesPerSecond, bootClock.nowMs());
    let lastCheckBytes = partial.bytes;
    /** Whether the rate limit pauses the transfer now, and whether it did since the last check. */
    const pause = { is: false, was: false };
    const isTooSlow = (): boolean => {
      const newBytes = partial.bytes - lastCheckBytes;
      const wasPaused = pause.was; // With a low rate limit, one chunk may be all for several checks.
      lastCheckBytes = partial.bytes;
      pause.was = pause.is;
      return !wasPaused && newBytes < Math.max(1, this.#limits.minBytes);
    };
    await this.#withStallCheck(isTooSlow, async (signal) => {
      signal.addEventListener("abort", () => response.close(), { once: true }); // Otherwise a silent body would never end.
      for await (const chunk of response.body) {
        signal.throwIfAborted();
        const bytes = partial.bytes + chunk.length;
        if (part.untilBytes !== null && bytes > part.untilBytes)
          throw connectionLost(partial, "the server sent more bytes than it announced");
        if (sizeBytes !== null && bytes > sizeBytes) throw sizeMismatch(bytes, sizeBytes);
        checkImageSize(bytes, maxBytes, availableBytes);
        await partial.append(chunk);
        onChunk(chunk.length);
        const tokens = takeTokens(bucket, chunk.length, bootClock.nowMs());
        ({ bucket } = tokens);
        if (tokens.waitMs === 0) continue;
        pause.is = pause.was = true;
        await timer.after(tokens.waitMs, signal);
        pause.is = false;
      }
    });
    const wantedBytes = part.totalBytes ?? part.untilBytes ?? sizeBytes;
    if (wantedBytes !== null && partial.bytes < wantedBytes)
      throw connectionLost(partial, "the server closed the connection early");
    return { kind: "complete", unbroken: part.fromBytes === 0 && response.isLengthKnown };
  }

  /** Runs an operation on a server. Aborts it when a periodic check finds it too slow or past the deadline. */
  async #withStallCheck<T>(isTooSlow: () => boolean, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { silenceMs } = this.#limits;
    const { timer, mustAbort } = this.#ports;
    const done = new AbortController();
    const abort = new AbortController();
    let why: string | undefined;
    const check = (async () => {
      const stop = AbortSignal.any([this.#signal, done.signal]);
      while (why === undefined) {
        await timer.after(silenceMs, stop);
        if (isTooSlow()) why = `too few bytes arrived within ${silenceMs / 1_000} s`;
        else if (mustAbort()) why = "the deadline passed (update.download-deadline-seconds)";
      }
      abort.abort();
    })().catch(() => undefined); // Aborted: the operation is done or stopped.
    try {
      return await act(AbortSignal.any([this.#signal, abort.signal]));
    } catch (cause) {
      this.#signal.throwIfAborted();
      if (why !== undefined) throw connectionLost(this.#partial, why, cause);
      throw cause;
    } finally {
      done.abort();
      await check;
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
    `The download was lost after ${bytes} of ${total} bytes: ${why}. Check the server and the network, then request the update again.`,
    { cause },
  );
}
