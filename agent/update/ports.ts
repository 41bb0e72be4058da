import type { Image, Job, RestartKind } from "./job.ts";
import type { DownloadProgress } from "./update-snapshot.ts";

/** An image that is to be installed, by its digest; the job gives it a version. */
export interface RequestedImage extends Image {
  readonly version: string;
  readonly operationId: string;
}

/** A checked image in the staging area. The installer may read the file and never changes it. */
export interface StagedImage extends RequestedImage {
  readonly path: string;
}

/**
 * Installs images. A call may be repeated after a crash during the first, with the same result. Calls reject with an
 * AgentError that says what to do.
 */
export type Installer = FileInstaller | StreamInstaller;

/** What all installers do. `I` is what an installer must know of an image. */
interface InstallerSteps<I extends RequestedImage> {
  /** What starts the new system once it is armed. */
  readonly restart: RestartKind;
  /** Checks that the image can be installed on this board now. Changes nothing. */
  prepare(image: I, signal: AbortSignal): Promise<void>;
  /** Makes the next boot try the new system once. Where the board does not restart, switches to it. */
  arm(image: I, signal: AbortSignal): Promise<void>;
  /** The running version, in the form that docs/contract.md gives; null where the installer cannot tell. */
  runningVersion(signal?: AbortSignal): Promise<string | null>;
  /** Rejects while the new system is not healthy. Called again and again while it has to prove itself. */
  healthy(image: I, signal: AbortSignal): Promise<void>;
  /** Makes the running system permanent. */
  commit(image: I): Promise<void>;
  /** Makes the old system the default again. It runs after the restart that follows. */
  revert(image: I): Promise<void>;
}

/** An installer that reads the staged image from its file. */
export interface FileInstaller extends InstallerSteps<StagedImage> {
  readonly receives: "file";
  /** Writes the new system beside the running one. Never makes it the default: after a power cut the old one boots. */
  install(image: StagedImage, signal: AbortSignal): Promise<void>;
}

/**
 * An installer that takes the image's bytes, in order: begin, write, finish. It digests them itself, because nobody reads the
 * staged file before. Like `install`, it never makes the new system the default.
 */
export interface StreamInstaller extends InstallerSteps<RequestedImage> {
  readonly receives: "stream";
  /**
   * @param signal stops the installation, until `finish` has settled
   * @returns the offset of the first byte that it needs: what a former call has written may still be there
   */
  begin(image: RequestedImage, signal: AbortSignal): Promise<number>;
  /** Resolves when more may come; the buffer may be used again then. */
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves when the new system is written. Rejects with `image-changed` when the bytes were not the requested image. */
  finish(signal: AbortSignal): Promise<void>;
}

/** Downloads images from servers. */
export interface ImageDownloader {
  /**
   * Downloads an image into a file and digests it, with as many attempts as its limits allow. Once it has resolved, the
   * file survives a power cut. When it rejects, the bytes that have arrived stay: the next call with this path resumes.
   */
  download(
    request: DownloadRequest,
    onProgress: (progress: DownloadProgress) => void,
    signal: AbortSignal,
  ): Promise<Image>;
}

export interface DownloadRequest {
  readonly operationId: string;
  /** Addresses of the image, tried one after the other. At least one. */
  readonly uris: readonly string[];
  /** False where the job goes on after an interruption: then what it has used of its limits counts. */
  readonly isFirst: boolean;
  /** The expected SHA-256, in hex. Bytes with this digest are the image, whatever a server says of them. */
  readonly sha256: string;
  readonly path: string;
  /** The size in the request; null when it gives none. */
  readonly sizeBytes: number | null;
  /** The largest image that this board accepts. */
  readonly maxBytes: number;
  /** Free space for the image, including the bytes of it that are on disk already. */
  readonly availableBytes: number;
}

/** The folder of images: partial ones, and complete ones named by their digest. */
export interface StagingArea {
  /**
   * Bytes that an image may take now. Excludes what is kept free for state and logs; includes partial images, because
   * they are resumed or removed.
   */
  availableBytes(): Promise<number>;
  /** The path to download an image to. Its folder exists. */
  partialPath(sha256: string): Promise<string>;
  /** The path of the image once it is staged. */
  stagedPath(sha256: string): string;
  /** Renames a partial file to its staged path, atomically. Does nothing where that was done before. */
  promote(sha256: string): Promise<void>;
  /** Digests a staged image again. Rejects with `image-changed` when the digest is not that of its name. */
  verify(sha256: string, signal: AbortSignal): Promise<void>;
  /**
   * Reads a staged image from an offset to its end. The buffer of a chunk is used again for the next.
   * Rejects with `image-changed` when the image is gone.
   */
  read(sha256: string, fromByte: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Removes one partial image, if it is there. */
  discard(sha256: string): Promise<void>;
  /** Removes all images except those with these digests, whole or partial, and the protected partial ones. */
  removeAllExcept(except: readonly string[], protectedPartials?: readonly string[]): Promise<void>;
  /**
   * Removes everything but one partial image and the protected ones.
   * @returns the milliseconds since it was last written; null when there is none, or when its space is needed
   */
  removeAllButPartial(sha256: string, protectedPartials?: readonly string[]): Promise<number | null>;
}

/** The steps that bring an image from its address to the installer. */
export interface ImagePipeline {
  readonly installer: Installer;
  /** Removes what is left of former jobs. Rejects with `no-space` when the size is known and does not fit. */
  reserveSpace(job: Job, signal: AbortSignal): Promise<void>;
  /** @param isFirst whether this is the job's first attempt at its addresses: all its time is left */
  download(
    job: Job,
    isFirst: boolean,
    onProgress: (progress: DownloadProgress) => void,
    signal: AbortSignal,
  ): Promise<Image>;
  /** Compares digest and size with the request, then stages the file. */
  checkAndStage(job: Job, measured: Image, signal: AbortSignal): Promise<void>;
  /** The staged image, digested again from disk: the installed bytes are the checked bytes. */
  openVerified(job: Job, image: Image, signal: AbortSignal): Promise<StagedImage>;
  /** The bytes of the staged image, from an offset to its end, for an installer that digests them itself. */
  read(image: Image, fromByte: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** The staged image without reading it, for calls that need only its name. */
  describe(job: Job, image: Image): StagedImage;
  /**
   * Removes what jobs have left in the staging area. With `keepsPartial`, the downloaded bytes stay for a time that the
   * settings give; resolves when they are removed too.
   */
  cleanUp(job: Job, keepsPartial: boolean, signal: AbortSignal): Promise<void>;
}

/** Checks whether the new system is as healthy as the old one was. */
export interface HealthCheck {
  /**
   * Resolves when the system has been healthy for long enough. Rejects with an AgentError at its deadline.
   * @param healthy rejects while the installer finds the new system unhealthy
   */
  verify(
    before: { readonly linkUp: boolean },
    healthy: (signal: AbortSignal) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void>;
}

/** Counts the boots of an uncommitted system, in a fixed-size record that every release can read. */
export interface BootCounter {
  /** The count; `unreadableCount` for a damaged record. Rejects when the disk cannot be read. */
  read(): Promise<number>;
  write(count: number): Promise<void>;
}
