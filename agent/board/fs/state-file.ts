import { createHash } from "node:crypto";
import { join } from "node:path";
import * as v from "valibot";
import { isAbsent, errorCode } from "../../lib/errors.ts";
import { describeDiskError } from "../../lib/disk-errors.ts";
import { describeFileError } from "../../lib/file-errors.ts";
import { check } from "../../contract/check.ts";
import { canonicalJson, isJsonObject, type Json } from "../../contract/json.ts";
import type { StateFile } from "../../state/ports.ts";
import { stateFileNames } from "../../config/paths.ts";
import {
  agentStateSchema as savedState,
  stateSchemaVersion,
  type AgentState,
  type LoadQuality,
} from "../../operations/agent-state.ts";
import { nodeDisk, type Disk } from "./disk.ts";
import { makeFolder, replaceFile } from "./files.ts";

/** The state as it was found at start: its quality, and why a copy could not be used. */
export interface LoadedState {
  /** Undefined where nothing was saved yet, or nothing usable. */
  readonly saved: AgentState | undefined;
  readonly loadQuality: LoadQuality;
  readonly problems: readonly string[];
}

/** How often a copy that cannot be read is tried: an SD card that was just powered may need a moment. */
const readAttempts = 3;

const envelope = v.object({
  checksum: v.string(),
  saved: v.custom<{ [key: string]: Json }>(isJsonObject, "an object"),
});

/**
 * The saved state as a file with a checksum in the agent's own folder, and the previous copy beside it. Only one agent may use
 * a folder at a time.
 */
export class ChecksummedStateFile implements StateFile<AgentState> {
  readonly #path: string;
  readonly #previous: string;
  readonly #folder: string;
  readonly #disk: Disk;
  readonly #pause: (() => Promise<void>) | undefined;
  /** Whether the latest copy is known to be intact. A damaged one must not replace the previous copy. */
  #isLatestIntact = false;

  /** @param pause between two attempts to read a copy; without it there is one attempt */
  constructor(folder: string, disk: Disk = nodeDisk, pause?: () => Promise<void>) {
    this.#folder = folder;
    this.#disk = disk;
    this.#pause = pause;
    this.#path = join(folder, stateFileNames.state);
    this.#previous = join(folder, stateFileNames.previousState);
  }

  /**
   * Reads the latest intact state: this copy, else the previous one. Syncs the folder first: an agent that was killed between
   * a rename and its sync leaves a state that a power cut could still take back, and nobody may act on that. Where the sync
   * fails, the agent must save the state before it acts on it.
   */
  async load(): Promise<LoadedState> {
    await makeFolder(this.#folder, this.#disk);
    const problems: string[] = [];
    let isSynced = true;
    try {
      await this.#disk.syncFolder(this.#folder);
    } catch (cause) {
      isSynced = false;
      problems.push(`${this.#folder}: ${describeDiskError(cause)}`);
    }
    return await this.#find(problems, isSynced);
  }

  /** The same without any change to the disk: nothing is made, nothing is synced. */
  async inspect(): Promise<LoadedState> {
    return await this.#find([], true);
  }

  async #find(problems: string[], isSynced: boolean): Promise<LoadedState> {
    const latest = await this.#read(this.#path, problems);
    this.#isLatestIntact = latest !== undefined;
    if (latest !== undefined) return { saved: latest, loadQuality: isSynced ? "latest" : "unsynced", problems };
    const isMissing = problems.length === 0;
    const saved = await this.#read(this.#previous, problems);
    if (saved !== undefined && isMissing) problems.push(`${this.#path}: is gone`);
    return { saved, loadQuality: problems.length > 0 ? "older" : "latest", problems };
  }

  async save(saved: AgentState): Promise<void> {
    const readable = check(savedState, saved);
    if (!readable.ok) throw new Error(`it could not be read back: ${readable.problems.join("; ")}`);
    const body = canonicalJson(saved);
    if (this.#isLatestIntact) await this.#keepPrevious();
    await replaceFile(this.#path, `{"checksum":"${digest(body)}","saved":${body}}\n`, this.#disk);
    this.#isLatestIntact = true;
  }

  /** A copy; undefined where there is no usable one. */
  async #read(path: string, problems: string[]): Promise<AgentState | undefined> {
    try {
      return parse(await this.#text(path));
    } catch (cause) {
      if (!isAbsent(cause)) problems.push(`${path}: ${describeFileError(cause, "it")}`);
      return undefined;
    }
  }

  /** A read error that passes must not cost the job that is in the state. */
  async #text(path: string): Promise<string> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#disk.read(path);
      } catch (cause) {
        if (isAbsent(cause) || attempt === readAttempts || this.#pause === undefined) throw cause;
        await this.#pause();
      }
    }
  }

  /** Links the latest copy to the previous name: at every moment one of the two names holds an intact copy. */
  async #keepPrevious(): Promise<void> {
    await this.#disk.remove(this.#previous);
    try {
      await this.#disk.link(this.#path, this.#previous);
    } catch (cause) {
      if (isAbsent(cause)) return; // The first save has no previous copy.
      if (!hasNoLinks(cause)) throw cause;
      await replaceFile(this.#previous, await this.#disk.read(this.#path), this.#disk);
    }
  }
}

/** The errors of link(2) on file systems without hard links: vfat, exfat and FUSE. */
function hasNoLinks(cause: unknown): boolean {
  return ["EPERM", "EOPNOTSUPP", "ENOSYS"].includes(errorCode(cause) ?? "");
}

function parse(text: string): AgentState {
  const outer = check(envelope, JSON.parse(text));
  if (!outer.ok) throw new Error(outer.problems.join("; "));
  const { checksum, saved } = outer.value;
  if (digest(canonicalJson(saved)) !== checksum) throw new Error("the checksum does not match: the file was damaged");
  const { schema } = saved;
  if (typeof schema === "number" && schema > stateSchemaVersion)
    throw new Error(`schema: ${schema} is of a newer release than this one, which reads ${stateSchemaVersion}`);
  const inner = check(savedState, saved);
  if (!inner.ok) throw new Error(inner.problems.join("; "));
  return inner.value;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
