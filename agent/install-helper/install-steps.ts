import { versionLabel } from "../contract/methods.ts";
import { AgentError, errorMessage } from "../lib/errors.ts";
import type { SignedTarget } from "../trust/ports.ts";
import type { HelperInstaller, VerifiedFile, VerifiedImage } from "./installers/installer.ts";
import type { HelperPorts, NamedImage } from "./ports.ts";
import type { HelperRequest } from "../helper-protocol/protocol.ts";
import { noInstaller } from "./trust-gate.ts";
import type { WrittenImage } from "./write-ledger.ts";

/** Asks the agent for the bytes of the image from an offset on, and hands over so many. */
export type Receive = (
  resumeAt: number,
  missingBytes: number,
  write: (bytes: Uint8Array) => Promise<void>,
) => Promise<void>;

/**
 * An installer of root's; undefined for an agent that installs by itself: then the helper only verifies, and raises the floor.
 * @throws AgentError where there is no such installer, or the owner does not let root use it
 */
export async function findInstaller(
  { findInstaller: find }: HelperPorts,
  name: string,
  limitMs: number,
): Promise<HelperInstaller | undefined> {
  if (name === noInstaller) {
    await requireNoInstaller(find, limitMs);
    return undefined;
  }
  const found = await find(name, limitMs);
  if (found !== undefined) return found;
  throw new AgentError(
    "no-installer",
    `This board's install helper has no installer ${name}. Set update.installer to one that docs/installers.md names, or install the agent and its helper from the same package.`,
  );
}

/** Where root installs, an agent that says it does so by itself would raise the floor with images that nobody has installed. */
async function requireNoInstaller(find: HelperPorts["findInstaller"], limitMs: number): Promise<void> {
  try {
    if ((await find("command", limitMs)) === undefined) return;
  } catch (cause) {
    if (cause instanceof AgentError && cause.code === "installer-not-allowed") return;
    throw cause;
  }
  throw new AgentError(
    "installer-not-allowed",
    "The owner of this board lets root run an installer, so root verifies nothing for an agent that installs by itself. Set update.command.as-root = true, or remove /etc/boardkeeper/installer, as root.",
  );
}

/** A step that may be taken, with what it needs. */
export type AdmittedStep =
  | { readonly verb: "prepare"; readonly target: SignedTarget | undefined }
  | { readonly verb: "install"; readonly image: VerifiedFile }
  | { readonly verb: "running-version" }
  | { readonly verb: "arm" | "healthy" | "commit" | "revert"; readonly image: VerifiedImage };

/** The steps of an update, as root takes them: what may be done, and in which order it is done. */
export class InstallSteps {
  readonly #ports: HelperPorts;
  readonly #name: string;
  /** Undefined for an agent that installs by itself. */
  readonly #installer: HelperInstaller | undefined;

  constructor(ports: HelperPorts, name: string, installer: HelperInstaller | undefined) {
    this.#ports = ports;
    this.#name = name;
    this.#installer = installer;
  }

  /**
   * Decides whether a step may be taken, and gets the image where it needs one. Writes nothing but root's copy of that.
   * @throws AgentError with the code of what forbids it
   */
  async admit({ verb, image }: HelperRequest, receive: Receive, signal: AbortSignal): Promise<AdmittedStep> {
    if (image === undefined || verb === "running-version") return { verb: "running-version" };
    const { trust } = this.#ports;
    if (verb === "prepare") return { verb, target: await trust.admit(image, this.#name, signal) };
    if (verb === "install") {
      const target = await trust.admit(image, this.#name, signal);
      this.#required(); // Before the bytes are asked for.
      return { verb, image: { ...image, target, path: await this.#copy(image, target, receive, signal) } };
    }
    if (verb === "arm" && (await trust.hasRoot())) {
      if ((await this.#written(image)) === undefined)
        throw new AgentError(
          "not-signed",
          `The image ${image.version} was not written to its end by this board's install helper, so it is not started. Request the update again.`,
        );
      // Once more: since it was written it may have been retired, its key revoked, or another image committed.
      return { verb, image: { ...image, target: await trust.admit(image, this.#name, signal) } };
    }
    if (verb === "revert") await this.#requireNoHigherFloor(image);
    return { verb, image: { ...image, target: await trust.find(image.sha256, signal) } };
  }

  /**
   * Takes a step. It may be repeated after a crash in the middle of it.
   * @returns the running version for `running-version`, null where it is unknown; else undefined
   */
  async run(step: AdmittedStep, signal: AbortSignal): Promise<string | null | undefined> {
    switch (step.verb) {
      case "prepare":
        // An agent that installs by itself asks for nothing more before the commit.
        if (this.#installer === undefined && step.target !== undefined)
          await this.#ports.ledger.setWritten(step.target, this.#name);
        return undefined;
      case "install":
        await this.#install(step.image, signal);
        return undefined;
      case "arm":
        await this.#arm(step.image, signal);
        return undefined;
      case "running-version":
        return await this.#required().runningVersion(signal);
      case "healthy":
        await this.#required().healthy(step.image, signal);
        return undefined;
      case "commit":
        await this.#commit(step.image, signal);
        return undefined;
      case "revert":
        await this.#revert(step.image, signal);
        return undefined;
    }
  }

  async #install(image: VerifiedFile, signal: AbortSignal): Promise<void> {
    const installer = this.#required();
    const { ledger } = this.#ports;
    const { target } = image;
    await installer.prepare(image, signal);
    if (target !== undefined) await ledger.setBegun(target, this.#name);
    await installer.install(image, signal);
    if (target !== undefined) await ledger.setWritten(target, this.#name);
  }

  /** Noted first: after a power cut in the middle, a revert must know that there is something to undo. */
  async #arm(image: VerifiedImage, signal: AbortSignal): Promise<void> {
    const installer = this.#required();
    if (image.target !== undefined) await this.#ports.ledger.setArmed();
    await installer.arm(image, signal);
  }

  /**
   * The floor rises last: a system that is not committed must not forbid the one before it. It rises to what root has written or, where
   * the ledger was lost, to what runs: never to an image that the agent only names. Afterwards nothing fails any more: the agent would
   * go back from an update that is committed.
   */
  async #commit(image: VerifiedImage, signal: AbortSignal): Promise<void> {
    const { ledger, copies } = this.#ports;
    const installer = this.#installer;
    await installer?.commit(image, signal);
    const written = await this.#written(image);
    const isLedgerLost = (await ledger.latest()) === undefined;
    const signed = written ?? (isLedgerLost ? image.target : undefined);
    const isRunning = installer !== undefined && signed !== undefined && (await this.#runs(signed, installer, signal));
    if (signed !== undefined && (written !== undefined || isRunning)) await this.#raiseFloor(signed);
    if (written !== undefined) await this.#tidy(() => ledger.setCommitted(isRunning));
    if (installer !== undefined) await this.#tidy(() => copies.removeAll());
  }

  /** Noted first: after a power cut in between, a revert must not go back below it. */
  async #raiseFloor(signed: Pick<WrittenImage, "sha256" | "epoch">): Promise<void> {
    const { trust, ledger } = this.#ports;
    const floor = await trust.currentFloor();
    if (floor === undefined) return;
    if (signed.epoch > floor) await ledger.setRaised(signed);
    // Also where it is raised already: a power cut may have left its second copy behind.
    await trust.raiseFloor(signed.epoch);
  }

  /**
   * Undoes an update, and nothing else: before it was armed there is nothing to undo, and an owner's program might go back to a system
   * that was left long ago.
   */
  async #revert(image: VerifiedImage, signal: AbortSignal): Promise<void> {
    const { trust, ledger, copies, log } = this.#ports;
    const installer = this.#required();
    const latest = await ledger.latest();
    const isSwitched = latest?.sha256 === image.sha256 && ["armed", "committed"].includes(latest.state);
    if (latest !== undefined && !isSwitched && (await trust.hasRoot()))
      log(4, `${this.#name} revert: ${image.version} has replaced nothing`);
    else await installer.revert(image, signal);
    await this.#tidy(() => copies.removeAll());
  }

  /**
   * After a commit that has raised the floor there is no way back. An agent asks for one that had no power between the commit and its
   * own note of it. Where the floor has not risen, the system before may run, and the agent may go back to it.
   */
  async #requireNoHigherFloor({ sha256, version }: NamedImage): Promise<void> {
    const { trust, ledger } = this.#ports;
    const raised = await ledger.raised();
    const floor = await trust.currentFloor();
    if (raised?.sha256 !== sha256 || floor === undefined || floor < raised.epoch) return;
    throw new AgentError(
      "epoch-too-low",
      `The image ${version} was committed and has raised this board's floor to ${raised.epoch}, so the board does not go back to the system before, which is below it. Install a good image of epoch ${floor} or above.`,
    );
  }

  /** What comes after the step itself. The next update does it again. */
  async #tidy(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      this.#ports.log(4, `${this.#name}: the step is done, but not all was tidied up: ${errorMessage(cause)}`);
    }
  }

  /** The image as this installer has written it to its end, if it was the last one. */
  async #written({ sha256 }: Pick<NamedImage, "sha256">): Promise<WrittenImage | undefined> {
    const latest = await this.#ports.ledger.latest();
    const isIt = latest?.sha256 === sha256 && latest.installer === this.#name && latest.state !== "begun";
    return isIt ? latest : undefined;
  }

  /** Whether the board runs a signed image, by its version or by its digest. */
  async #runs(
    { sha256, version }: Pick<WrittenImage, "sha256" | "version">,
    installer: HelperInstaller,
    signal: AbortSignal,
  ): Promise<boolean> {
    try {
      const running = await installer.runningVersion(signal);
      return running === version || running === versionLabel(undefined, sha256);
    } catch (cause) {
      signal.throwIfAborted();
      this.#ports.log(4, `the running version is unknown: ${errorMessage(cause)}`);
      return false;
    }
  }

  /** The path of root's copy, whose digest is right. */
  async #copy(
    image: NamedImage,
    target: SignedTarget | undefined,
    receive: Receive,
    signal: AbortSignal,
  ): Promise<string> {
    const { copies, ledger } = this.#ports;
    const count = async (): Promise<void> => {
      if (target !== undefined) await ledger.countWrite(target);
    };
    const present = await copies.findWhole(image, signal);
    if (present !== undefined) {
      await count();
      return present;
    }
    const copy = await copies.begin(image, signal);
    try {
      if (copy.resumeAt === 0) await count(); // A copy that is continued was counted when it was begun.
      await receive(copy.resumeAt, copy.missingBytes, (bytes) => copy.write(bytes));
    } catch (cause) {
      await copy.close();
      throw cause;
    }
    return await copy.finish();
  }

  #required(): HelperInstaller {
    if (this.#installer !== undefined) return this.#installer;
    throw new AgentError(
      "no-installer",
      "The agent installs by itself, and asked the install helper for a step of an installer. Install the agent and its helper from the same package.",
    );
  }
}
