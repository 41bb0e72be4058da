import type { SignedTarget } from "../../trust/ports.ts";
import type { RestartKind } from "../../update/job.ts";

/** An image that root's helper has verified. */
export interface VerifiedImage {
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly version: string;
  readonly operationId: string;
  /** What its publisher has signed; undefined on a board whose owner allows unsigned images. */
  readonly target: SignedTarget | undefined;
}

/** The same with root's own copy of its bytes, which nobody else can write to. */
export interface VerifiedFile extends VerifiedImage {
  readonly path: string;
}

/**
 * An installer inside root's helper. A call may be repeated after a crash in the middle of it, with the same result. Calls reject
 * with an AgentError that says what to do; when the signal aborts, they stop what they have started.
 */
export interface HelperInstaller {
  /** As in a signed target's `installer`. */
  readonly name: string;
  /** What starts a new system; null where the agent's settings say it. */
  readonly restart: RestartKind | null;
  /** Checks that the image can be installed on this board now. Changes nothing. */
  prepare(image: VerifiedFile, signal: AbortSignal): Promise<void>;
  /** Writes the new system beside the running one, and never makes it the default. */
  install(image: VerifiedFile, signal: AbortSignal): Promise<void>;
  arm(image: VerifiedImage, signal: AbortSignal): Promise<void>;
  /** The running version; null where it cannot tell. */
  runningVersion(signal: AbortSignal): Promise<string | null>;
  /** Rejects with `not-proven` while the new system is not healthy. */
  healthy(image: VerifiedImage, signal: AbortSignal): Promise<void>;
  commit(image: VerifiedImage, signal: AbortSignal): Promise<void>;
  revert(image: VerifiedImage, signal: AbortSignal): Promise<void>;
}
