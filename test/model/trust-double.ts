import { AgentError } from "../../agent/lib/errors.ts";
import type { ResolvedImage, WantedImage } from "../../agent/update/image-name.ts";
import type { TrustStatus } from "../../agent/update/trust-gate.ts";
import { FakeTrustGate } from "../support/fake-trust-gate.ts";
import { firstVersion, runningVersionOf } from "./board-state.ts";
import { digest } from "./disk-double.ts";
import { excuseBadEnd } from "./observations.ts";
import type { Scheduler } from "./scheduler.ts";

/** Whom the board trusts where images are signed, for the twin. */
export const signedTrust = { rootVersion: 1, expires: "2036-01-02T03:04:05.000Z", unsignedAllowed: false };

/** The same where digests count. */
export const noTrust = { rootVersion: null, expires: null, unsignedAllowed: true };

/**
 * The gate of a scenario. Where images are signed, to find one is an action that may fail. The gate changes its mind with the system:
 * once a new one runs, nobody is trusted any more. What is under way must end all the same.
 */
export class TrustDouble extends FakeTrustGate {
  readonly #scheduler: Scheduler;

  constructor(scheduler: Scheduler) {
    super();
    this.#scheduler = scheduler;
  }

  override get status(): TrustStatus {
    if (this.#scheduler.scenario.isSigned !== true) return super.status;
    return { ...super.status, ...signedTrust, rule: this.#isTrusting ? "signed" : "nothing" };
  }

  override async resolve({ version }: WantedImage, _onDelay: unknown, signal: AbortSignal): Promise<ResolvedImage> {
    const find = (): ResolvedImage => {
      if (this.#isTrusting) return signedImage(version ?? "");
      this.#scheduler.environment = excuseBadEnd(this.#scheduler.environment);
      throw new AgentError("trust-root-missing", "The board trusts nobody any more.");
    };
    return await this.#scheduler.schedule("find the signed image", true, find, signal);
  }

  override async committed(): Promise<void> {
    await this.#scheduler.schedule("raise the floor", true, () => undefined);
  }

  get #isTrusting(): boolean {
    return runningVersionOf(this.#scheduler.environment.board) === firstVersion;
  }
}

function signedImage(version: string): ResolvedImage {
  const uri = `https://images.example/${version}`;
  return { version, sha256: digest(uri), sizeBytes: uri.length, uri, epoch: 1 };
}
