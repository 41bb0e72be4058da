import type { SignedTarget } from "../trust/ports.ts";
import type { Timer } from "../lib/clock.ts";
import type { HelperInstaller } from "./installers/installer.ts";
import type { ImageCopies } from "./image-copies.ts";
import type { TrustSummary } from "../helper-protocol/protocol.ts";
import type { WriteLedger } from "./write-ledger.ts";

/** An image as the agent names it. None of this is trusted. */
export interface NamedImage {
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly version: string;
  readonly operationId: string;
}

/** Decides which images root may write, by what the publisher has signed and the owner allows. */
export interface TrustGate {
  /** Whether the board has a trust root. Without one, digests count where the owner has said so. */
  hasRoot(): Promise<boolean>;
  /**
   * Verifies metadata that the agent has sent, and keeps what is newer.
   * @returns what the board trusts now; null where it has no trust root
   * @throws AgentError with the code of what is wrong; then nothing is kept
   */
  refresh(files: ReadonlyMap<string, Uint8Array>, signal: AbortSignal): Promise<TrustSummary | null>;
  /**
   * Allows an image to be written.
   * @param installer that is to write it; `none` for an agent that installs by itself
   * @returns what its publisher has signed; undefined where the owner allows unsigned images
   * @throws AgentError with the code of what forbids it
   */
  admit(image: NamedImage, installer: string, signal: AbortSignal): Promise<SignedTarget | undefined>;
  /** What the publisher has signed of an image, whether or not it may be written now; undefined where nothing is known of it. */
  find(sha256: string, signal: AbortSignal): Promise<SignedTarget | undefined>;
  /** Targets with a lower epoch are refused; undefined where the board has no trust root. */
  currentFloor(): Promise<number | undefined>;
  /** After a commit: targets with a lower epoch are refused from now on. */
  raiseFloor(epoch: number): Promise<void>;
}

/** A line for the journal, with its priority as of syslog(3): 3 error, 4 warning, 6 information. */
export type JournalLog = (priority: 3 | 4 | 6, text: string) => void;

export interface HelperPorts {
  readonly timer: Timer;
  readonly log: JournalLog;
  readonly trust: TrustGate;
  readonly copies: Pick<ImageCopies, keyof ImageCopies>;
  readonly ledger: Pick<WriteLedger, keyof WriteLedger>;
  /**
   * An installer by its name; undefined where there is none with this name.
   * @param limitMs how long each of its steps may take
   * @throws AgentError `installer-not-allowed` where the board's owner does not let root use it
   */
  readonly findInstaller: (name: string, limitMs: number) => Promise<HelperInstaller | undefined>;
}
