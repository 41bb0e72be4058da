import type { BootClock } from "../../lib/clock.ts";
import { AgentError } from "../../lib/errors.ts";
import type { RestartKind } from "../../update/job.ts";
import type { MetadataFile, TrustRule } from "../../update/trust-gate.ts";
import type { FileInstaller, RequestedImage, StreamInstaller } from "../../update/ports.ts";
import { HelperSession, type HelperCall, type HelperSessionOptions, type Installation } from "./helper-session.ts";

export interface InstallHelperOptions extends HelperSessionOptions {
  readonly bootClock: BootClock;
  /** Metadata that the agent has downloaded: the helper verifies it before it installs. */
  readonly readMetadata: () => Promise<readonly MetadataFile[]>;
  readonly limitMs: number;
  /** How long `running-version` may take; 30 s unless given. */
  readonly versionLimitMs?: number;
}

export interface HelperInstallerOptions extends InstallHelperOptions {
  readonly restart: RestartKind;
  /** Rejects where an update would replace the agent's state. */
  readonly requireStateOutside: () => Promise<void>;
}

/** `running-version` runs at every start of the agent, before anything else. */
const defaultVersionLimitMs = 30_000;
/** `healthy` is asked every second, and says what it finds now. */
const healthLimitMs = 30_000;
/** A helper session that was not used for so long is not used again: the helper closes it after ten seconds. */
const idleMs = 5_000;

/**
 * Installs through root's install helper: verified there, by root, whatever this agent says. The image's bytes go over the
 * connection, and root makes its own copy of them.
 */
export function installViaHelper(options: HelperInstallerOptions): StreamInstaller {
  const { restart, limitMs, versionLimitMs = defaultVersionLimitMs, requireStateOutside } = options;
  const helper = new InstallHelper(options);
  let installing: { readonly installation: Installation; readonly release: () => void } | undefined;
  const under = (): Installation => {
    if (installing === undefined) throw new AgentError("internal", "No installation has begun.");
    return installing.installation;
  };
  return {
    receives: "stream",
    restart,
    async prepare(image, signal): Promise<void> {
      await requireStateOutside();
      await helper.prepare(image, signal);
    },
    async begin(image, signal): Promise<number> {
      const begun = await helper.beginInstall(image, signal);
      installing = begun;
      // Also where nobody calls `finish`, because the image could not be read.
      signal.addEventListener("abort", begun.release, { once: true });
      if (signal.aborted) begun.release(); // While it began: nobody calls the listener then.
      return begun.installation.resumeAt;
    },
    write: async (bytes) => await under().write(bytes),
    async finish(): Promise<void> {
      try {
        await under().finish();
      } finally {
        installing?.release();
        installing = undefined;
      }
    },
    async arm(image, signal): Promise<void> {
      await requireStateOutside();
      await helper.call({ verb: "arm", image, limitMs }, signal);
    },
    runningVersion: async (signal) => await helper.call({ verb: "running-version", limitMs: versionLimitMs }, signal),
    healthy: async (image, signal) =>
      void (await helper.call({ verb: "healthy", image, limitMs: healthLimitMs }, signal)),
    commit: async (image) => void (await helper.call({ verb: "commit", image, limitMs })),
    revert: async (image) => void (await helper.call({ verb: "revert", image, limitMs })),
  };
}

/**
 * An installer of the agent's own, for which root's helper verifies each image before it is installed, and raises the floor when it
 * is committed.
 * @param rule what an image needs now; where digests count, the helper is not asked, and without a trust root there is no floor
 */
export function verifiedByHelper(
  installer: FileInstaller,
  options: InstallHelperOptions,
  rule: () => TrustRule,
): FileInstaller {
  const helper = new InstallHelper(options);
  return {
    ...installer,
    async prepare(image, signal): Promise<void> {
      if (rule() !== "digest") await helper.prepare(image, signal);
      await installer.prepare(image, signal);
    },
    async commit(image): Promise<void> {
      await installer.commit(image);
      if (rule() === "signed") await helper.call({ verb: "commit", image, limitMs: options.limitMs });
    },
  };
}

/** Makes calls one after the other, over a helper session that is opened when it is needed; the helper closes it when it was not used for a while. */
class InstallHelper {
  readonly #options: InstallHelperOptions;
  #session: HelperSession | undefined;
  #last: Promise<void> = Promise.resolve();
  #usedAtMs = 0;

  constructor(options: InstallHelperOptions) {
    this.#options = options;
  }

  async call(call: HelperCall, signal?: AbortSignal): Promise<string | null> {
    const release = await this.#acquire();
    try {
      return await (await this.#open(signal)).call(call, signal);
    } finally {
      release();
    }
  }

  /** Has root verify the newest metadata, and then the image by it. */
  async prepare(image: RequestedImage, signal: AbortSignal): Promise<void> {
    const release = await this.#acquire();
    try {
      const metadata = await this.#options.readMetadata();
      const refusal = metadata.length === 0 ? undefined : await this.#refusalOf(metadata, signal);
      const session = await this.#open(signal);
      try {
        await session.call({ verb: "prepare", image, limitMs: this.#options.limitMs }, signal);
      } catch (cause) {
        signal.throwIfAborted();
        throw refusal ?? cause; // Without that metadata, nothing else could be expected.
      }
    } finally {
      release();
    }
  }

  /** @returns what has begun; `release` lets other calls go on, and stops it unless it has finished */
  async beginInstall(
    image: RequestedImage,
    signal: AbortSignal,
  ): Promise<{ readonly installation: Installation; readonly release: () => void }> {
    const release = await this.#acquire();
    try {
      const session = await this.#open(signal);
      const begun = await session.beginInstall(image, this.#options.limitMs, signal);
      let isFinished = false;
      const installation: Installation = {
        ...begun,
        finish: async () => {
          await begun.finish();
          isFinished = true;
        },
      };
      return {
        installation,
        release: () => {
          if (!isFinished) session.close();
          release();
        },
      };
    } catch (cause) {
      release();
      throw cause;
    }
  }

  /** Why root's helper does not take this metadata; undefined where it does. What it trusts already may do all the same. */
  async #refusalOf(metadata: readonly MetadataFile[], signal: AbortSignal): Promise<AgentError | undefined> {
    try {
      await (await this.#open(signal)).sendMetadata(metadata, signal);
      return undefined;
    } catch (cause) {
      if (signal.aborted || !(cause instanceof AgentError) || this.#session?.isOpen !== true) throw cause;
      return cause;
    }
  }

  async #open(signal: AbortSignal | undefined): Promise<HelperSession> {
    const isIdle = this.#options.bootClock.nowMs() - this.#usedAtMs > idleMs;
    if (isIdle) this.#session?.close();
    if (this.#session?.isOpen !== true) this.#session = await HelperSession.open(this.#options, signal);
    return this.#session;
  }

  /** Waits until no other call is under way. */
  async #acquire(): Promise<() => void> {
    const former = this.#last;
    let end: () => void = () => undefined;
    this.#last = new Promise((resolve) => (end = resolve));
    await former;
    return () => {
      this.#usedAtMs = this.#options.bootClock.nowMs();
      end();
    };
  }
}
