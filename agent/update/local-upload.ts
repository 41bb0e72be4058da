import type { Runtime } from "../lib/runtime.ts";
import type { MethodReply } from "../contract/methods.ts";
import { errorReply } from "../contract/error-response.ts";
import { AgentError, errorMessage } from "../lib/errors.ts";
import type { ImageDownloader, StagingArea } from "./ports.ts";

/** Where an uploaded image is written: the partial file that a download of the same image goes on from. */
export interface UploadStore {
  open(path: string, operationId: string, signal: AbortSignal): Promise<UploadFile>;
}

interface UploadFile {
  /** Bytes on disk so far. */
  readonly bytes: number;
  /** Writes and digests the next bytes. Rejects with an AgentError when the disk refuses. */
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
  /** The operation id of the update that is running; null when none is. */
  readonly runningUpdateId: () => string | null;
}

/** An image that somebody before the board hands in. */
export interface UploadedImage {
  /** 64 hex digits in lower case. */
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly body: AsyncIterable<Uint8Array>;
}

/** An image on its way in. */
interface ActiveUpload {
  readonly sha256: string;
  /** Aborts when an update wants to fetch. */
  readonly preempted: AbortController;
  /** Resolves when its file is closed. */
  readonly closed: Promise<void>;
}

/**
 * Takes images in on the board itself, from a stick, say: into the place of a download that has just ended. The update
 * that is asked for next finds it there, and has nothing left to ask a server for.
 */
export class LocalUpload {
  readonly #ports: LocalUploadPorts;
  #active: ActiveUpload | undefined;
  /** The last download: one that was cancelled lets go of its file a little later. */
  #lastDownload: Promise<unknown> = Promise.resolve();
  /** The image that was handed in, and that no update has been asked for with yet. */
  #unclaimed: string | undefined;

  constructor(ports: LocalUploadPorts) {
    this.#ports = ports;
  }

  /** Images that nobody has asked for yet, and that are not to be cleared away for it. */
  get protectedImages(): readonly string[] {
    const sha256 = this.#active?.sha256 ?? this.#unclaimed;
    return sha256 === undefined || this.#ports.runningUpdateId() !== null ? [] : [sha256];
  }

  /**
   * The same fetcher, which begins when an image that is being handed in was given up and let go of: both are written to one
   * file where they have one digest.
   */
  preemptedBy(fetcher: ImageDownloader): ImageDownloader {
    return {
      download: async (order, onProgress, signal) => {
        this.#active?.preempted.abort();
        await this.#active?.closed;
        signal.throwIfAborted();
        const fetching = fetcher.download(order, onProgress, signal);
        this.#lastDownload = fetching.catch(() => undefined); // Whoever asked for it is told.
        return await fetching;
      },
    };
  }

  /** Resolves when the image is on disk whole, or is refused. Never rejects. */
  async receive(image: UploadedImage, signal: AbortSignal): Promise<MethodReply> {
    const { log } = this.#ports;
    if (this.#active !== undefined) return busy("Another image is being handed in on the board.");
    const running = this.#rejectIfUpdating(); // Before anything is waited for: it may fetch for a day.
    if (running !== undefined) return running;
    const overtaken = new AbortController();
    let close: () => void = () => undefined;
    const closed = new Promise<void>((resolve) => (close = resolve));
    this.#active = { sha256: image.sha256, preempted: overtaken, closed };
    try {
      const reply = this.#rejectIfUpdating() ?? (await this.#afterLastDownload(image, signal, overtaken.signal));
      log.info({ sha256: image.sha256, status: reply.status }, "image handed in");
      return reply;
    } catch (cause) {
      log.warn({ err: cause, sha256: image.sha256 }, "image not taken");
      const [code, why] =
        cause instanceof AgentError ? [cause.code, cause.message] : (["internal", reasonOf(cause)] as const);
      return errorReply({ status: code === "no-space" ? 507 : 500, code, message: why });
    } finally {
      this.#active = undefined;
      close();
    }
  }

  async #afterLastDownload(image: UploadedImage, gone: AbortSignal, overtaken: AbortSignal): Promise<MethodReply> {
    await this.#lastDownload;
    return (await this.#checkRequest(image)) ?? (await this.#write(image, gone, overtaken));
  }

  async #checkRequest({ sizeBytes }: UploadedImage): Promise<MethodReply | undefined> {
    const { staging, maxImageBytes } = this.#ports;
    const running = this.#rejectIfUpdating();
    if (running !== undefined) return running;
    if (sizeBytes > maxImageBytes) {
      const message = `The image has ${sizeBytes} bytes, and this board accepts ${maxImageBytes}. Raise update.max-image-size, or shrink the image.`;
      return errorReply({ status: 400, code: "image-too-large", message });
    }
    const availableBytes = await staging.availableBytes();
    if (sizeBytes <= availableBytes) return undefined;
    const message = `The image of ${sizeBytes} bytes does not fit: the board has room for ${availableBytes}. Free some space, then hand it in again.`;
    return errorReply({ status: 507, code: "no-space", message });
  }

  async #write(
    { sha256, sizeBytes, body }: UploadedImage,
    gone: AbortSignal,
    overtaken: AbortSignal,
  ): Promise<MethodReply> {
    const { staging, partialStore } = this.#ports;
    await staging.discard(sha256); // Whatever of it was fetched before: the stick has all of it.
    const partial = await partialStore.open(await staging.partialPath(sha256), "handed-in", gone);
    let isWhole = false;
    try {
      for await (const piece of chunksUntil(AbortSignal.any([gone, overtaken]), body)) {
        if (this.#rejectIfUpdating() !== undefined) break; // A request of the hub's, which may be for this very file.
        await partial.append(piece);
      }
      gone.throwIfAborted();
      isWhole = partial.bytes === sizeBytes && partial.digest() === sha256;
      if (isWhole) return { status: 200, payload: { Response: "Image taken", sha256, sizeBytes } };
      const message = `The image that was handed in has ${partial.bytes} bytes and SHA-256 ${partial.digest()}, not ${sizeBytes} and ${sha256}. Check the file, then hand it in again.`;
      return this.#rejectIfUpdating() ?? errorReply({ status: 400, code: "bad-digest", message });
    } finally {
      await partial.close();
      if (isWhole) this.#unclaimed = sha256;
      else if (this.#ports.runningUpdateId() === null) await staging.discard(sha256);
    }
  }

  /** To be told when an update was asked for: an image that no update has taken up is thrown away. Never rejects. */
  async discardUnclaimed(): Promise<void> {
    const sha256 = this.#unclaimed;
    this.#unclaimed = undefined;
    if (sha256 === undefined || this.#ports.runningUpdateId() !== null) return;
    await this.#ports.staging.discard(sha256).catch((cause: unknown) => {
      this.#ports.log.warn({ err: cause, sha256 }, "image that was not needed stays until the next update");
    });
  }

  #rejectIfUpdating(): MethodReply | undefined {
    const running = this.#ports.runningUpdateId();
    return running === null ? undefined : busy(`An update is running (${running}).`);
  }
}

/** A body's pieces, to their end or until the signal aborts: nobody waits then for one that does not come. */
async function* chunksUntil(signal: AbortSignal, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const aborted = new Promise<undefined>((resolve) => {
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
    if (signal.aborted) resolve(undefined);
  });
  const pieces = body[Symbol.asyncIterator](); // Not closed at the end: with the body, its caller's line would be.
  for (;;) {
    const next = await Promise.race([aborted, pieces.next()]);
    if (next === undefined || next.done === true) return;
    yield next.value;
  }
}

function busy(why: string): MethodReply {
  return errorReply({
    status: 409,
    code: "update-running",
    message: `${why} Wait for it, then hand the image in again.`,
  });
}

function reasonOf(cause: unknown): string {
  return `A fault in the agent: ${errorMessage(cause)}.`;
}
