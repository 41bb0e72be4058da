import type { ResponseHead } from "./resume-decisions.ts";
import type { ImageSource, DownloadUsage } from "./partial-metadata.ts";

export interface ImageRequest {
  readonly uri: string;
  /** The offset to start at; 0 for the whole image. */
  readonly fromBytes: number;
  /** Source and validator of the bytes before; the validator is sent only to the address that gave it. */
  readonly source: ImageSource | null;
}

export interface ImageResponse extends ResponseHead {
  /** True when the end of the body is known: otherwise a broken connection looks like the end. */
  readonly isLengthKnown: boolean;
  /**
   * Chunks, each valid until the next is requested. Rejects with an AgentError `unreachable` when the connection is lost.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** Discards what has not been read. */
  close(): void;
}

/** Requests images over HTTP. */
export interface HttpSource {
  /**
   * Requests an image or its remaining bytes, and follows redirects. Rejects with an AgentError: `unreachable` where a retry
   * may help, another code where it cannot.
   */
  get(request: ImageRequest, signal: AbortSignal): Promise<ImageResponse>;
}

/** A partially downloaded image: a file, its digest so far, and its metadata. */
export interface PartialImage {
  /**
   * Taken and digested. The kernel has them, but for the last 2 MiB at most while more arrives faster than it is taken; a few
   * turns of the event loop after that, and when the image is closed, it has all.
   */
  readonly bytes: number;
  readonly totalBytes: number | null;
  readonly source: ImageSource | null;
  readonly usage: DownloadUsage;
  /** Digests the next bytes, and writes them or has them written soon. Rejects with an AgentError when the disk refuses or has refused. */
  append(chunk: Uint8Array): Promise<void>;
  /** The SHA-256 of all bytes so far, in hex. */
  digest(): string;
  /** Saves size and source of the next bytes. */
  setSource(totalBytes: number | null, source: ImageSource): Promise<void>;
  /** Saves the job's usage; writes at most once in a while. */
  saveUsage(usage: DownloadUsage): Promise<void>;
  /** Remembers the job's usage; written with the next save. */
  setUsage(usage: DownloadUsage): void;
  /** Discards all bytes and their metadata. */
  startOver(usage: DownloadUsage): Promise<void>;
  /** Resolves when bytes and metadata survive a power cut. */
  close(): Promise<void>;
}

export interface PartialStore {
  /**
   * Opens or creates a partial file. Digests all bytes on disk again: what a power cut damaged must not end up in an image.
   */
  open(path: string, operationId: string, signal: AbortSignal): Promise<PartialImage>;
}
