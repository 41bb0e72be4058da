import { AgentError } from "../lib/errors.ts";
import type { ErrorResponse } from "../contract/error-response.ts";
import type { ResolvedImage, WantedImage } from "./image-name.ts";
import type { UpdateDelay } from "./update-snapshot.ts";

/**
 * What an image needs to be installed on this board. `signed`: its digest must be that of a signed target for this board.
 * `digest`: the digest in the request counts. `nothing`: no image may be installed, because nobody has said whom to trust.
 */
export type TrustRule = "signed" | "digest" | "nothing";

/** Whom the board trusts, as it was last read. */
export interface TrustStatus {
  readonly rule: TrustRule;
  /** The version of the trusted root; null where there is none. */
  readonly rootVersion: number | null;
  /** When that root expires, in ISO 8601; null where there is none. */
  readonly expires: string | null;
  /** Whether the board's owner allows unsigned images, in a file of root's. It counts only where there is no trust root. */
  readonly unsignedAllowed: boolean;
  /** The names of this board that signed targets may be for, the most specific first. */
  readonly compatible: readonly string[];
  /** What somebody should know of it, as sentences for people. */
  readonly alerts: readonly string[];
}

/** A metadata file, byte for byte, by its name in the repository. */
export interface MetadataFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A signed image for this board. */
export interface OfferedImage {
  readonly version: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly epoch: number;
  /** In the repository: a board's name, and the name of the file without its digest. */
  readonly path: string;
}

/** Decides which images are signed for this board. What root's helper says of the bytes that it installs counts more. */
export interface TrustGate {
  readonly status: TrustStatus;
  /** Reads again what root has written: a trust root may have come. Called before a request is decided. Never rejects. */
  readStatus(): Promise<void>;
  /** Calls back when the status has changed. */
  onChange(listener: () => void): void;
  /**
   * What the metadata on this board refuses at once, without asking the repository; undefined where that may know more, or has
   * nothing against it. Call `readStatus` before.
   */
  refusal(image: WantedImage): ErrorResponse | undefined;
  /**
   * Finds the signed target of an image, in metadata that is refreshed from the repository, or, while that cannot be reached, in the
   * metadata on this board. Tries again a few times, in bounded time.
   * @param onDelay called with the reason while it tries again, and with null when that is over
   * @throws AgentError with the code of what is wrong
   */
  resolve(
    image: WantedImage,
    onDelay: (delay: UpdateDelay | null) => void,
    signal: AbortSignal,
  ): Promise<ResolvedImage>;
  /**
   * Verifies metadata files that did not come from the repository, such as a USB stick's, and keeps what is newer. Metadata that is
   * older than the board's is no mistake: the board's counts. Without files: names the images that are known, after root may have
   * changed what it trusts.
   * @returns the images for this board; first those that it may install now, those of its most specific name first
   * @throws AgentError with the code of what is wrong; `trust-root-missing` where the board trusts nobody
   */
  offer(files: ReadonlyMap<string, Uint8Array>, signal: AbortSignal): Promise<readonly OfferedImage[]>;
  /** The metadata that root's helper has to verify: newer than its own. */
  metadataForHelper(): Promise<readonly MetadataFile[]>;
  /** An image is committed. Where no helper of root's does it, the floor rises to its epoch. Rejects when that cannot be saved. */
  committed(image: { readonly sha256: string; readonly epoch: number }): Promise<void>;
}

/** Why a board without a trust root takes no metadata. */
export function nobodyTrusted(): AgentError {
  return new AgentError(
    "trust-root-missing",
    "This board has no trust root, so it cannot tell who has signed that repository. Add it first: boardkeeper-agent trust add root.json. Without one, install the image by its digest: install FILE --sha256 HEX.",
  );
}

/** The longest time that `resolve` takes. */
export const longestResolveMs = 20 * 60_000;

/** The gate of a board without a trust root. */
export function gateWithoutRoot(
  status: Pick<TrustStatus, "unsignedAllowed" | "compatible"> & { rule: "digest" | "nothing" },
): TrustGate {
  return {
    status: { ...status, rootVersion: null, expires: null, alerts: [] },
    readStatus: async () => undefined,
    onChange: () => undefined,
    refusal: () => undefined,
    resolve: () => Promise.reject(new Error("A board without a trust root resolves nothing.")),
    offer: () => Promise.reject(nobodyTrusted()),
    metadataForHelper: async () => [],
    committed: async () => undefined,
  };
}
