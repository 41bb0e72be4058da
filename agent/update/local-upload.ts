import type { Runtime } from "../lib/runtime.ts";
import type { MethodReply } from "../contract/method-reply.ts";
import { errorReply } from "../contract/method-reply.ts";
import { AgentError, errorMessage } from "../lib/errors.ts";
import type { ImageDownloader, StagingArea } from "./ports.ts";
import type { TrustGate } from "./trust-gate.ts";
import { uploadRefusal } from "./trust-refusal.ts";

/** Where an uploaded image is written: the partial file that a download of the same image resumes. */
interface UploadStore {
  open(path: string, operationId: string, signal: AbortSignal): Promise<UploadFile>;
}

interface UploadFile {
  /** Bytes on disk so far. */
  readonly bytes: number;
  /** Writes and digests the next bytes. Rejects with an AgentError when the write fails. */
  append(chunk: Uint8Array): Promise<void>;
  /** The SHA-256 of all bytes so far, in hex. */
  digest(): string;
  /** Resolves when the bytes survive a power cut. */
  close(): Promise<void>;
}

export interface LocalUploadPorts extends Runtime {
  readonly staging: Pick<StagingArea, "partialPath" | "availableBytes" | "discard">;
  readonly partialStore: UploadStore;
  readonly maxImageBytes: number;
  readonly trust: Pick<TrustGate, "status" | "readStatus" | "refusal">;
  /** The operation id of the running update; null when none runs. */
  readonly runningUpdateId: () => string | null;
}

/** An image that is uploaded on the board. */
export interface UploadedImage {
  /** 64 hex digits in lower case. */
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly body: AsyncIterable<Uint8Array>;
}

/** An upload in progress. */
interface ActiveUpload {
  readonly sha256: string;
  /** Aborts when an update starts a download. */
  readonly preempted: AbortController;
  /** Resolves when its file is closed. */
  readonly closed: Promise<void>;
}

/**
 * Receives images on the board itself, from a USB stick for example. Writes them where a finished download would lie, so
 * the next update finds all bytes and requests none from a server.
 */
export class LocalUpload {
  readonly #ports: LocalUploadPorts;
  #active: ActiveUpload | undefined;
  /** The last download: a cancelled one closes its file a little later. */
  #lastDownload: Promise<unknown> = Promise.resolve();
  /** The uploaded image that no update has been requested for yet. */
  #unclaimed: string | undefined;

  constructor(ports: LocalUploadPorts) {
    this.#ports = ports;
  }

  /** Uploaded images that no update uses yet: they must not be cleaned up. */
  get protectedImages(): readonly string[] {
    const sha256 = this.#active?.sha256 ?? this.#unclaimed;
    return sha256 === undefined || this.#ports.runningUpdateId() !== null ? [] : [sha256];
  }

  /**
   * The same downloader; its downloads first abort a running upload and wait until its file is closed, because both write
   * to one file where they have the same digest.
   */
  preemptedBy(downloader: ImageDownloader): ImageDownloader {
    return {
      download: async (request, onProgress, signal) => {
        this.#active?.preempted.abort();
        await this.#active?.closed;
        signal.throwIfAborted();
        const download = downloader.download(request, onProgress, signal);
        this.#lastDownload = download.catch(() => undefined); // The caller gets the rejection.
        return await download;
      },
    };
  }

  /** Resolves when the image is complete on disk, or refused. Never rejects. */
  async receive(image: UploadedImage, signal: AbortSignal): Promise<MethodReply> {
    const { log } = this.#ports;
    if (this.#active !== undefined) return busy("Another image is being uploaded on the board.");
    const running = this.#rejectIfUpdating(); // First: a running update may download for a day.
    if (running !== undefined) return running;
    const preempted = new AbortController();
    let close: () => void = () => undefined;
    const closed = new Promise<void>((resolve) => (close = resolve));
    this.#active = { sha256: image.sha256, preempted, closed };
    try {
      const reply = this.#rejectIfUpdating() ?? (await this.#afterLastDownload(image, signal, preempted.signal));
      log.info({ sha256: image.sha256, status: reply.status }, "image uploaded");
      return reply;
    } catch (cause) {
      log.warn({ err: cause, sha256: image.sha256 }, "image upload failed");
      const [code, message] =
        cause instanceof AgentError ? [cause.code, cause.message] : (["internal", faultMessage(cause)] as const);
      return errorReply({ status: code === "no-space" ? 507 : 500, code, message });
    } finally {
      this.#active = undefined;
      close();
    }
  }

  async #afterLastDownload(
    image: UploadedImage,
    disconnected: AbortSignal,
    preempted: AbortSignal,
  ): Promise<MethodReply> {
    await this.#lastDownload;
    return (await this.#checkRequest(image)) ?? (await this.#write(image, disconnected, preempted));
  }

  async #checkRequest({ sha256, sizeBytes }: UploadedImage): Promise<MethodReply | undefined> {
    const { staging, maxImageBytes, trust } = this.#ports;
    await trust.readStatus();
    const running = this.#rejectIfUpdating();
    if (running !== undefined) return running;
    // Before its bytes are written: the request that follows would be refused for the same reason.
    const refusal = uploadRefusal(trust, { sha256, sizeBytes });
    if (refusal !== undefined) return errorReply(refusal);
    if (sizeBytes > maxImageBytes) {
      const message = `The image has ${sizeBytes} bytes, and this board accepts ${maxImageBytes}. Raise update.max-image-size, or shrink the image.`;
      return errorReply({ status: 400, code: "image-too-large", message });
    }
    const availableBytes = await staging.availableBytes();
    if (sizeBytes <= availableBytes) return undefined;
    const message = `The image of ${sizeBytes} bytes does not fit: the board has space for ${availableBytes}. Free some space, then upload it again.`;
    return errorReply({ status: 507, code: "no-space", message });
  }

  async #write(
    { sha256, sizeBytes, body }: UploadedImage,
    disconnected: AbortSignal,
    preempted: AbortSignal,
  ): Promise<MethodReply> {
    const { staging, partialStore } = this.#ports;
    await staging.discard(sha256); // The upload has all bytes, so earlier ones are discarded.
    const partial = await partialStore.open(await staging.partialPath(sha256), "handed-in", disconnected);
    let isComplete = false;
    try {
      for await (const chunk of chunksUntil(AbortSignal.any([disconnected, preempted]), body)) {
        if (this.#rejectIfUpdating() !== undefined) break; // A request from the hub, maybe for this file.
        await partial.append(chunk);
      }
      disconnected.throwIfAborted();
      isComplete = partial.bytes === sizeBytes && partial.digest() === sha256;
      if (isComplete) return { status: 200, payload: { Response: "Image uploaded", sha256, sizeBytes } };
      const message = `The uploaded image has ${partial.bytes} bytes and SHA-256 ${partial.digest()}, not ${sizeBytes} and ${sha256}. Check the file, then upload it again.`;
      return this.#rejectIfUpdating() ?? errorReply({ status: 400, code: "bad-digest", message });
    } finally {
      await partial.close();
      if (isComplete) this.#unclaimed = sha256;
      else if (this.#ports.runningUpdateId() === null) await staging.discard(sha256);
    }
  }

  /** Call after an update was requested: discards an uploaded image that no update uses. Never rejects. */
  async discardUnclaimed(): Promise<void> {
    const sha256 = this.#unclaimed;
    this.#unclaimed = undefined;
    if (sha256 === undefined || this.#ports.runningUpdateId() !== null) return;
    await this.#ports.staging.discard(sha256).catch((cause: unknown) => {
      this.#ports.log.warn({ err: cause, sha256 }, "uploaded image not discarded; the next update removes it");
    });
  }

  #rejectIfUpdating(): MethodReply | undefined {
    const running = this.#ports.runningUpdateId();
    return running === null ? undefined : busy(`An update is running (${running}).`);
  }
}

/** The chunks of a body, to its end or until the signal aborts. */
async function* chunksUntil(signal: AbortSignal, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const aborted = new Promise<undefined>((resolve) => {
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
    if (signal.aborted) resolve(undefined);
  });
  const chunks = body[Symbol.asyncIterator](); // Not closed at the end: that would close the caller's connection.
  for (;;) {
    const next = await Promise.race([aborted, chunks.next()]);
    if (next === undefined || next.done === true) return;
    yield next.value;
  }
}

function busy(message: string): MethodReply {
  return errorReply({
    status: 409,
    code: "update-running",
    message: `${message} Wait for it, then upload the image again.`,
  });
}

function faultMessage(cause: unknown): string {
  return `A fault in the agent: ${errorMessage(cause)}. Its log has the details: please report it.`;
}
