import type { ResponseHead } from "./response.ts";
import type { ImageSource, DownloadUsage } from "./partial-metadata.ts";

export interface ImageRequest {
  readonly uri: string;
  /** From here on; 0 for all of it. */
  readonly fromBytes: number;
  /** What the server called its content when the bytes before came from it: sent to the address that said so, no other. */
  readonly source: ImageSource | null;
}

export interface ImageResponse extends ResponseHead {
  /** True when the body's end is announced: without that, a connection that breaks looks like an end. */
  readonly isLengthKnown: boolean;
  /**
   * In pieces, each valid until the next is asked for. Rejects with an AgentError `unreachable` when the connection is lost.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** Drops what has not been read. */
  close(): void;
}

/** Where images come from. */
export interface HttpSource {
  /**
   * Asks for an image, or for its end. Resolves with whatever the server answers in the end, redirects followed. Rejects
   * with an AgentError: `unreachable` where another try may help, others where none at this address can.
   */
  get(request: ImageRequest, signal: AbortSignal): Promise<ImageResponse>;
}

/** An image on its way: a file, its digest so far, and what is known of it. */
export interface PartialImage {
  /** On disk and digested. */
  readonly bytes: number;
  readonly totalBytes: number | null;
  readonly source: ImageSource | null;
  readonly usage: DownloadUsage;
  /** Writes and digests the next bytes. Rejects with an AgentError when the disk refuses. */
  append(piece: Uint8Array): Promise<void>;
  /** The SHA-256 of all bytes so far, in hex. */
  digest(): string;
  /** Notes what is known of the image that the next bytes are of. */
  setSource(totalBytes: number | null, source: ImageSource): Promise<void>;
  /** Notes what the job has used up; written seldom. */
  saveUsage(spent: DownloadUsage): Promise<void>;
  /** Keeps in mind what the job has used up: written with what is noted next. */
  noteUsage(spent: DownloadUsage): void;
  /** Forgets every byte, and whatever was known of them. */
  startOver(spent: DownloadUsage): Promise<void>;
  /** Resolves when the bytes, and what is known of them, survive a power cut. */
  close(): Promise<void>;
}

export interface PartialStore {
  /**
   * Opens a partial file, or begins one. All that is on disk is read and digested once more: what was torn by a power cut
   * must not end up in an image.
   */
  open(path: string, operationId: string, signal: AbortSignal): Promise<PartialImage>;
}
