import type { Image, Job, RestartKind } from "./job.ts";
import type { DownloadProgress } from "./report.ts";

/** An image in the staging area, checked. The file is the installer's to read, never to change. */
export interface StagedImage extends Image {
  readonly path: string;
  readonly version: string;
  readonly operationId: string;
}

/**
 * A way of installing an image. Every call may be made twice, after any crash in the first: the second must come to the
 * same. Calls reject with an AgentError that says what to do.
 */
export interface Installer {
  /** How the new system comes to run once it is armed. */
  readonly restart: RestartKind;
  /** Checks, without changing anything, that the image can be installed on this board now. */
  prepare(image: StagedImage, signal: AbortSignal): Promise<void>;
  /** Writes the new system beside the running one. Never makes it the default: a power cut boots the old one. */
  install(image: StagedImage, signal: AbortSignal): Promise<void>;
  /** Makes the next start try the new system, once; or, where no board restarts, switches over to it. */
  arm(image: StagedImage, signal: AbortSignal): Promise<void>;
  /** The version that runs now, by the contract's rule for versions; null where that cannot be told. */
  runningVersion(signal?: AbortSignal): Promise<string | null>;
  /** Makes the running, proven system the default for good. */
  commit(image: StagedImage): Promise<void>;
  /** Makes the old system the default again. What runs is changed only by the restart that follows. */
  revert(image: StagedImage): Promise<void>;
}

/** Fetches images from servers. */
export interface ImageDownloader {
  /**
   * Fetches an image into a file, whole, measuring it on the way, with as many tries as it takes. The file survives a
   * power cut when it resolves. What has arrived stays when it rejects: the next call with the same path goes on from it.
   */
  download(
    order: DownloadRequest,
    onProgress: (progress: DownloadProgress) => void,
    signal: AbortSignal,
  ): Promise<Image>;
}

export interface DownloadRequest {
  readonly operationId: string;
  /** Where to ask for it, one after the other. At least one. */
  readonly uris: readonly string[];
  /** The digest that it must have: bytes that have it are the image, whatever a server says of them. */
  readonly sha256: string;
  readonly path: string;
  /** The size that was promised; null when none was. */
  readonly sizeBytes: number | null;
  /** The largest image that this board accepts. */
  readonly maxBytes: number;
  /** The room that there is for it now, with what of it is there already. */
  readonly availableBytes: number;
}

/** Where images lie: partial ones, and whole ones that are named by their digest. */
export interface StagingArea {
  /**
   * Bytes that an image may take now: what is kept free for state and logs taken off, and partial images counted as room,
   * because they are gone on with or give way.
   */
  availableBytes(): Promise<number>;
  /** Where an image is to be fetched to. The folder exists. */
  partialPath(sha256: string): Promise<string>;
  /** Where an image lies once it is staged. */
  stagedPath(sha256: string): string;
  /** Moves a partial file to its staged place, atomically. Does nothing where that has been done already. */
  promote(sha256: string): Promise<void>;
  /** Reads a staged image once more; rejects with `image-changed` when it is not what its name says. */
  verify(sha256: string, signal: AbortSignal): Promise<void>;
  /** Removes one partial image, if it is there. */
  discard(sha256: string): Promise<void>;
  /** Removes everything but the images named, whole or partial, and the protected partial ones. */
  removeAllExcept(except: readonly string[], protectedPartials?: readonly string[]): Promise<void>;
  /**
   * Removes everything but one partial image and the protected ones, and says for how long nobody has touched that; null when there is none, or
   * when its room is needed.
   */
  removeAllButPartial(sha256: string, protectedPartials?: readonly string[]): Promise<number | null>;
}

/** All that has to be done with an image on the way to being installed. */
export interface ImagePipeline {
  readonly installer: Installer;
  /** Makes room, and makes sure that it suffices as far as the image's size is known. */
  reserveSpace(job: Job, signal: AbortSignal): Promise<void>;
  download(job: Job, onProgress: (progress: DownloadProgress) => void, signal: AbortSignal): Promise<Image>;
  /** Compares what was measured with what was asked for, and moves the file into the staging area. */
  checkAndStage(job: Job, measured: Image, signal: AbortSignal): Promise<void>;
  /** The staged image, digested once more from the disk: what is installed is what was checked. */
  openVerified(job: Job, image: Image, signal: AbortSignal): Promise<StagedImage>;
  /** The staged image by name, for calls that need not read it. */
  describe(job: Job, image: Image): StagedImage;
  /**
   * Throws away whatever jobs have left in the staging area. With `keepsPartial`, the bytes that have arrived stay until
   * nobody has asked for them for a while: ends when they are gone too.
   */
  cleanUp(job: Job, keepsPartial: boolean, signal: AbortSignal): Promise<void>;
}

/** Says whether the new system is as healthy as the old one was. */
export interface HealthCheck {
  /** Resolves when it has been healthy for long enough; rejects with an AgentError when it was not in time. */
  verify(before: { readonly linkUp: boolean }, signal: AbortSignal): Promise<void>;
}

/** How often a system was started while an update was not proven. A fixed-size record that any release can read. */
export interface BootCounter {
  /** The count; `uncounted` for a damaged one. Rejects when the disk does not say. */
  read(): Promise<number>;
  write(count: number): Promise<void>;
}
