import type { AnswerHead } from "./response.ts";
import type { ImageSource, Spent } from "./partial-metadata.ts";

export interface SourceRequest {
  readonly uri: string;
  /** From here on; 0 for all of it. */
  readonly fromBytes: number;
  /** What the server called its content when the bytes before came from it: sent to the address that said so, no other. */
  readonly source: ImageSource | null;
}

export interface Answer extends AnswerHead {
  /** True when the body's end is announced: without that, a connection that breaks looks like an end. */
  readonly isFramed: boolean;
  /**
   * In pieces, each valid until the next is asked for. Rejects with an AgentError `unreachable` when the connection is lost.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** Drops what has not been read. */
  close(): void;
}

/** Where images come from. */
export interface Source {
  /**
   * Asks for an image, or for its end. Resolves with whatever the server answers in the end, redirects followed. Rejects
   * with an AgentError: `unreachable` where another try may help, others where none at this address can.
   */
  get(request: SourceRequest, signal: AbortSignal): Promise<Answer>;
}

/** An image on its way: a file, its digest so far, and what is known of it. */
export interface PartialImage {
  /** On disk and digested. */
  readonly bytes: number;
  readonly totalBytes: number | null;
  readonly source: ImageSource | null;
  readonly spent: Spent;
  /** Writes and digests the next bytes. Rejects with an AgentError when the disk refuses. */
  append(piece: Uint8Array): Promise<void>;
  /** The SHA-256 of all bytes so far, in hex. */
  digest(): string;
  /** Notes what is known of the image that the next bytes are of. */
  describe(totalBytes: number | null, source: ImageSource): Promise<void>;
  /** Notes what the job has used up; written seldom. */
  account(spent: Spent): Promise<void>;
  /** Keeps in mind what the job has used up: written with what is noted next. */
  remember(spent: Spent): void;
  /** Forgets every byte, and whatever was known of them. */
  startOver(spent: Spent): Promise<void>;
  /** Resolves when the bytes, and what is known of them, survive a power cut. */
  close(): Promise<void>;
}

export interface Partials {
  /**
   * Opens a partial file, or begins one. All that is on disk is read and digested once more: what was torn by a power cut
   * must not end up in an image.
   */
  open(path: string, operationId: string, signal: AbortSignal): Promise<PartialImage>;
}
