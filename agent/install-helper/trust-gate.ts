import type { BoardConfig } from "../config/board-config.ts";
import { isErrorCode } from "../contract/codes.ts";
import { versionLabel } from "../contract/methods.ts";
import { describeDiskError } from "../lib/disk-errors.ts";
import { AgentError, isSystemError } from "../lib/errors.ts";
import { mapSource } from "../board/trust/metadata-sources.ts";
import type { LoadedTrust, ReferenceClock, SignedTarget, TrustedTargets, TrustStore } from "../trust/ports.ts";
import { refreshMetadata } from "../trust/refresh.ts";
import { selectTarget } from "../trust/select-target.ts";
import { loadTrusted, type TrustRules } from "../trust/trusted-metadata.ts";
import type { JournalLog, NamedImage, TrustGate } from "./ports.ts";
import type { TrustSummary } from "../helper-protocol/protocol.ts";

export interface HelperTrustGatePorts {
  readonly store: TrustStore;
  /** What the owner has written into board.conf. */
  readonly readConfig: () => Promise<BoardConfig>;
  /** The names of this board. */
  readonly readNames: (config: BoardConfig) => Promise<readonly string[]>;
  readonly readClock: () => Promise<ReferenceClock>;
  /** The version of this package. */
  readonly agentVersion: string;
  readonly log: JournalLog;
}

/** The name that an agent gives which installs by itself. */
export const noInstaller = "none";
/** The installer for which images are signed that an agent installs by itself. */
const installerOfAgent = "command";

/** What this board trusts, from files that only root can change. Whatever the agent sends is verified by it. */
export class HelperTrustGate implements TrustGate {
  readonly #ports: HelperTrustGatePorts;

  constructor(ports: HelperTrustGatePorts) {
    this.#ports = ports;
  }

  async hasRoot(): Promise<boolean> {
    return (await this.#ports.store.load()) !== undefined;
  }

  async refresh(files: ReadonlyMap<string, Uint8Array>, signal: AbortSignal): Promise<TrustSummary | null> {
    const { store, log } = this.#ports;
    const loaded = await store.load();
    if (loaded === undefined) return null;
    for (const problem of loaded.problems) log(4, `trust store: ${problem}`);
    await written(store.repair(loaded));
    const { metadata: stored, record } = loaded;
    const rules = await this.#rules();
    const refreshed = await refreshMetadata({ ...rules, stored, record, source: mapSource(files), signal });
    signal.throwIfAborted();
    // Also after a failure: roots that were verified on the way are newer than the stored one.
    await written(store.save(refreshed.stored, refreshed.record));
    if (!refreshed.ok) throw refreshed.error;
    const { rootVersion, rootExpires: expires } = refreshed.trusted;
    return { rootVersion, expires, floor: refreshed.record.floor };
  }

  async admit(image: NamedImage, installer: string, signal: AbortSignal): Promise<SignedTarget | undefined> {
    const { store, readConfig, agentVersion } = this.#ports;
    const loaded = await store.load();
    if (loaded === undefined) {
      if ((await readConfig()).allowUnsigned) return undefined;
      throw new AgentError(
        "trust-root-missing",
        "This board has no trust root, so it cannot tell who may publish for it, and installs nothing. On the board: sudo boardkeeper-agent trust add root.json. To install unsigned images all the same, write update.allow-unsigned = yes into /etc/boardkeeper/board.conf, as root.",
      );
    }
    if (installer === noInstaller && (await readConfig()).releaseUnits.length > 0)
      throw new AgentError(
        "installer-not-allowed",
        'The owner of this board lets root install releases (release.units in board.conf), so root verifies nothing for an agent that installs by itself. Set update.installer = "release", or remove release.units, as root.',
      );
    const rules = await this.#rules();
    const trusted = this.#trusted(loaded, rules);
    signal.throwIfAborted();
    // A job without a version is called after its digest.
    const isUnnamed = image.version === versionLabel(undefined, image.sha256);
    const wanted = { sha256: image.sha256, version: isUnnamed ? undefined : image.version };
    const { boards } = rules;
    const facts = { floor: loaded.record.floor, boards, agentVersion, installer: signedFor(installer) };
    const selected = selectTarget(trusted, wanted, facts, "");
    if (!selected.ok) {
      const { code, message } = selected.failure;
      throw new AgentError(isErrorCode(code) ? code : "internal", message);
    }
    const { target } = selected;
    if (target.sizeBytes === image.sizeBytes) return target;
    throw new AgentError(
      "bad-size",
      `The image has ${image.sizeBytes} bytes, but ${target.sizeBytes} are signed. Check the file on the server, then request the update again.`,
    );
  }

  async find(sha256: string, signal: AbortSignal): Promise<SignedTarget | undefined> {
    try {
      const loaded = await this.#ports.store.load();
      if (loaded === undefined) return undefined;
      const { targets } = this.#trusted(loaded, await this.#rules());
      signal.throwIfAborted();
      return targets.find((target) => target.sha256 === sha256);
    } catch (cause) {
      if (cause instanceof AgentError) return undefined; // Expired or damaged meanwhile: nothing is known of it.
      throw cause;
    }
  }

  async currentFloor(): Promise<number | undefined> {
    return (await this.#ports.store.load())?.record.floor;
  }

  async raiseFloor(epoch: number): Promise<void> {
    await written(this.#ports.store.raiseFloor(epoch));
  }

  #trusted({ metadata: stored, record }: LoadedTrust, rules: TrustRules): TrustedTargets {
    return loadTrusted({ ...rules, stored, record });
  }

  async #rules(): Promise<TrustRules> {
    const config = await this.#ports.readConfig();
    const boards = await this.#ports.readNames(config);
    return { boards, clock: await this.#ports.readClock(), refuseStale: config.refuseStale };
  }
}

/** @throws AgentError `disk-error` where the store cannot be written */
async function written(writing: Promise<void>): Promise<void> {
  try {
    await writing;
  } catch (cause) {
    if (!isSystemError(cause)) throw cause;
    const message = `What this board trusts cannot be written in /var/lib/boardkeeper-trust: ${describeDiskError(cause)} If the package was upgraded a moment ago, request the update again.`;
    throw new AgentError("disk-error", message, { cause });
  }
}

function signedFor(installer: string): string {
  return installer === noInstaller ? installerOfAgent : installer;
}
