import { AgentError } from "../../agent/lib/errors.ts";
import type { ErrorResponse } from "../../agent/contract/error-response.ts";
import type { ResolvedImage, WantedImage } from "../../agent/update/image-name.ts";
import type { OfferedImage, TrustGate, TrustStatus } from "../../agent/update/trust-gate.ts";

/* Imports types and errors alone: scripts/record-states runs it in the sources of an earlier release too. */

/** What a board without a trust root says, whose digests count. */
const withoutRoot: TrustStatus = {
  rule: "digest",
  rootVersion: null,
  expires: null,
  unsignedAllowed: true,
  compatible: [],
  alerts: [],
};

/** A gate whose signed targets, refusals and failures a test sets. Digests count until it trusts somebody. */
export class FakeTrustGate implements TrustGate {
  #status = withoutRoot;
  readonly #listeners: (() => void)[] = [];
  /** What the repository has. */
  targets: readonly ResolvedImage[] = [];
  /** What the metadata on the board refuses at once. */
  atOnce: ErrorResponse | undefined;
  /** What comes of a search, if not a target. */
  failure: Error | undefined;
  /** Holds each search. */
  hold: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** What was searched for, in its order. */
  readonly searches: WantedImage[] = [];
  /** The epochs of the committed images. */
  readonly committedEpochs: number[] = [];

  get status(): TrustStatus {
    return this.#status;
  }

  /** The owner of the board has said whom to trust, or that nobody is trusted. */
  change(status: Partial<TrustStatus>): void {
    this.#status = { ...this.#status, ...status };
    for (const listener of this.#listeners) listener();
  }

  /** The board gets a trust root, and its publisher has these images. */
  trust(...targets: readonly ResolvedImage[]): void {
    this.targets = targets;
    this.change({ rule: "signed", rootVersion: 1, expires: "2036-01-02T03:04:05.000Z", unsignedAllowed: false });
  }

  async readStatus(): Promise<void> {
    // A test sets it.
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  refusal(): ErrorResponse | undefined {
    return this.atOnce;
  }

  async resolve(image: WantedImage, _onDelay: unknown, signal: AbortSignal): Promise<ResolvedImage> {
    this.searches.push(image);
    await this.hold?.(signal);
    if (this.failure !== undefined) throw this.failure;
    const found = this.targets.find(
      ({ version, sha256 }) => (image.sha256 ?? sha256) === sha256 && (image.version ?? version) === version,
    );
    if (found !== undefined) return found;
    throw new AgentError("not-signed", "No signed target has this digest.");
  }

  async offer(): Promise<readonly OfferedImage[]> {
    if (this.failure !== undefined) throw this.failure;
    return this.targets.map((target) => ({ ...target, path: `fake-board/${target.version}.img` }));
  }

  async metadataForHelper(): Promise<[]> {
    return [];
  }

  async committed({ epoch }: { readonly epoch: number }): Promise<void> {
    this.committedEpochs.push(epoch);
  }
}
