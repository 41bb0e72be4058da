import { createHash } from "node:crypto";
import { join } from "node:path";
import * as v from "valibot";
import { check, isMatchingText, isoTimestamp, rule, wholeNumber } from "../../contract/check.ts";
import { canonicalJson } from "../../contract/json.ts";
import { maxMetadataBytes } from "../../contract/signed-target.ts";
import { AgentError, errorMessage, isAbsent, isSystemError } from "../../lib/errors.ts";
import { describeFileError } from "../../lib/file-errors.ts";
import type { LoadedTrust, StoredMetadata, TrustRecord, TrustStore } from "../../trust/ports.ts";
import type { Disk } from "../fs/disk.ts";
import { makeFolder, replaceFile } from "../fs/files.ts";
import { unlinkedDisk } from "./own-files.ts";
import { readRootOwned } from "./root-owned.ts";

export interface TrustFolderOptions {
  /** Where the store lies: /var/lib/boardkeeper-trust. */
  readonly folder: string;
  /** The seed of trust: /etc/boardkeeper/root.json. */
  readonly seed: string;
  /** Throws unless the bytes are a root that its own keys have signed. */
  readonly checkRoot: (root: Uint8Array) => void;
  readonly disk?: Disk;
  /** Who may own the seed: root, unless given. */
  readonly seedOwners?: readonly number[];
}

/**
 * The files of the store. The root alone, because a board that loses all else goes on from it; the other metadata in one file,
 * because each vouches for another: so a power cut leaves the former set or the new one. The record lies there twice, because
 * nothing else knows the floor: the higher one counts.
 */
export const trustFileNames = {
  root: "root.json",
  metadata: "metadata.json",
  record: "record.json",
  recordCopy: "record.copy.json",
} as const;

const readAttempts = 3;

/** Everybody may read what a board trusts. */
const mode = 0o644;

const base64 = rule<string>(
  "a metadata file in base64",
  isMatchingText(/^[A-Za-z0-9+/]*={0,2}$/, Math.ceil(maxMetadataBytes / 3) * 4),
);
const metadataFile = v.object({
  timestamp: v.optional(base64),
  snapshot: v.optional(base64),
  targets: v.optional(base64),
  roles: v.array(v.tuple([v.string(), base64])),
});
const sentences = rule<string>("sentences", isMatchingText(/^[^\0]*$/, 4_000));
const recordFile = v.object({
  /** Counts the writes: of two copies the later one tells the signed time. */
  seq: wholeNumber,
  floor: wholeNumber,
  issued: v.nullable(isoTimestamp),
  remade: v.optional(sentences),
});
type SavedRecord = v.InferOutput<typeof recordFile>;
const emptyRecord: SavedRecord = { seq: 0, floor: 0, issued: null };

/** The trusted store in a folder that only root's helper writes to. Each file has a checksum, apart from the root. */
export class TrustFolder implements TrustStore {
  readonly #options: TrustFolderOptions;
  readonly #disk: Disk;

  constructor(options: TrustFolderOptions) {
    this.#options = options;
    this.#disk = options.disk ?? unlinkedDisk;
  }

  async load(): Promise<LoadedTrust | undefined> {
    const problems: string[] = [];
    const root = await this.#findRoot(problems);
    if (root === undefined) return undefined;
    const record = await this.#readRecord(problems);
    const others = await this.#readChecked(trustFileNames.metadata, metadataFile, problems);
    const { floor, issued, remade = null } = record;
    return { metadata: { root, ...decoded(others) }, record: { floor, issued }, problems, remade };
  }

  async repair({ metadata, record, problems, remade }: LoadedTrust): Promise<void> {
    if (problems.length === 0) return;
    await makeFolder(this.#options.folder, this.#disk);
    const why = remade === null || problems.includes(remade) ? problems : [remade, ...problems];
    await this.#changeRecord(() => ({ ...record, remade: why.join(" ").slice(0, 4_000) }));
    await this.#writeMetadata(metadata);
    await this.#keep();
  }

  async save(metadata: StoredMetadata, { floor, issued }: TrustRecord): Promise<void> {
    await makeFolder(this.#options.folder, this.#disk);
    await this.#changeRecord(({ remade }) => ({ floor, issued, remade }));
    await this.#writeMetadata(metadata);
    await this.#keep();
  }

  async raiseFloor(epoch: number): Promise<void> {
    await makeFolder(this.#options.folder, this.#disk);
    await this.#changeRecord(({ issued }) => ({ floor: epoch, issued }));
    await this.#keep();
  }

  /**
   * The owner trusts a root: writes what `chooseRoot` leaves of the metadata. The floor stays: another root must not open the way
   * to what was retired. The owner has seen what was lost: the store says it no more.
   * @param issued the signed time that still counts
   */
  async replaceRoot(metadata: StoredMetadata, issued: string | null): Promise<void> {
    await makeFolder(this.#options.folder, this.#disk);
    await this.#changeRecord(({ floor }) => ({ floor, issued }));
    await this.#writeMetadata(metadata);
    await this.#keep();
  }

  /** What was not written again may be of a process that was killed before it had synced the folder: a power cut could take it back. */
  async #keep(): Promise<void> {
    await this.#disk.syncFolder(this.#options.folder);
  }

  /** The stored root, else the seed; undefined where there is neither. */
  async #findRoot(problems: string[]): Promise<Uint8Array | undefined> {
    const { seed, folder } = this.#options;
    const path = join(folder, trustFileNames.root);
    const stored = await this.#readRoot(path);
    if (stored instanceof Uint8Array) return stored;
    let found: Uint8Array;
    try {
      found = await readRootOwned(seed, maxMetadataBytes, this.#options.seedOwners);
      this.#options.checkRoot(found);
    } catch (cause) {
      if (stored === undefined && isAbsent(cause)) return undefined;
      const why = isAbsent(cause) ? `${seed} is not there either` : `${seed} cannot be used: ${errorMessage(cause)}`;
      throw new AgentError(
        "trust-store-damaged",
        `This board's trust root cannot be read: ${stored ?? `${path} is not there`}, and ${why}. Give it its root again: sudo boardkeeper-agent trust add root.json`,
        { cause },
      );
    }
    problems.push(`The trust root was taken from ${seed}, because ${stored ?? `${path} was not there`}.`);
    return found;
  }

  /** The stored root; undefined where there is none, or why it cannot be used. */
  async #readRoot(path: string): Promise<Uint8Array | string | undefined> {
    try {
      const root = Buffer.from(await this.#readText(path));
      this.#options.checkRoot(root);
      return root;
    } catch (cause) {
      return isAbsent(cause) ? undefined : `${path} is damaged (${describeFileError(cause, "it")})`;
    }
  }

  /**
   * Of two copies the later one, with the higher floor of both. A crash between the two writes leaves one of them older, or only
   * one of them: that is no damage.
   */
  async #readRecord(problems: string[]): Promise<SavedRecord & { readonly isWhole: boolean }> {
    const damaged: string[] = [];
    const first = await this.#readChecked(trustFileNames.record, recordFile, damaged);
    const second = await this.#readChecked(trustFileNames.recordCopy, recordFile, damaged);
    if (first === undefined && second === undefined) {
      const record = join(this.#options.folder, trustFileNames.record);
      problems.push(...damaged, `The floor, in ${record}, is lost with its copy: it begins again at 0.`);
    } else if (damaged.length > 0) problems.push(...damaged, "The floor is known from its copy.");
    const [one, other] = [first ?? emptyRecord, second ?? emptyRecord];
    const later = one.seq >= other.seq ? one : other;
    const isWhole = first !== undefined && one.seq === other.seq;
    return { ...later, floor: Math.max(one.floor, other.floor), isWhole };
  }

  /**
   * Writes the record and its copy where something changes; the floor never falls. Before all else: where there is a root without a
   * record, the record was lost.
   */
  async #changeRecord(change: (present: Omit<SavedRecord, "seq">) => Omit<SavedRecord, "seq">): Promise<void> {
    const present = await this.#readRecord([]);
    const changed = change(present);
    const next = { ...changed, floor: Math.max(changed.floor, present.floor) };
    const isSame = next.floor === present.floor && next.issued === present.issued && next.remade === present.remade;
    if (isSame && present.isWhole) return;
    for (const name of [trustFileNames.record, trustFileNames.recordCopy])
      await this.#writeChecked(name, { seq: present.seq + 1, ...next });
  }

  /** The root first: what the former root has signed may be worth nothing under it, and then it is forgotten. */
  async #writeMetadata({ root, timestamp, snapshot, targets, roles }: StoredMetadata): Promise<void> {
    const path = join(this.#options.folder, trustFileNames.root);
    const text = Buffer.from(root).toString("utf8");
    if ((await this.#disk.read(path).catch(() => undefined)) !== text)
      // Unreadable: it is written anew.
      await replaceFile(path, root, this.#disk, mode);
    const encode = (bytes: Uint8Array | undefined): string | undefined =>
      bytes === undefined ? undefined : Buffer.from(bytes).toString("base64");
    await this.#writeChecked(trustFileNames.metadata, {
      timestamp: encode(timestamp),
      snapshot: encode(snapshot),
      targets: encode(targets),
      roles: [...roles].map(([name, bytes]) => [name, encode(bytes)]),
    });
  }

  /** A file with a checksum; undefined where it is not there or damaged, and then the problems say so. */
  async #readChecked<const Schema extends v.GenericSchema>(
    name: string,
    schema: Schema,
    problems: string[],
  ): Promise<v.InferOutput<Schema> | undefined> {
    const path = join(this.#options.folder, name);
    try {
      const outer = check(envelope, JSON.parse(await this.#readText(path)));
      if (!outer.ok) throw new Error(outer.problems.join("; "));
      if (digest(outer.value.saved) !== outer.value.checksum) throw new Error("its checksum does not match");
      const inner = check(schema, outer.value.saved);
      if (!inner.ok) throw new Error(inner.problems.join("; "));
      return inner.value;
    } catch (cause) {
      if (!isAbsent(cause)) problems.push(`${path} was damaged (${describeFileError(cause, "it")}).`);
      return undefined;
    }
  }

  /** A read error that passes must not cost what the board trusts. */
  async #readText(path: string): Promise<string> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#disk.read(path);
      } catch (cause) {
        if (attempt === readAttempts || !isSystemError(cause) || isAbsent(cause)) throw cause;
      }
    }
  }

  /** Writes nothing where the file holds the same: a flash disk wears out. */
  async #writeChecked(name: string, saved: unknown): Promise<void> {
    const path = join(this.#options.folder, name);
    const text = `{"checksum":"${digest(saved)}","saved":${canonicalJson(saved)}}\n`;
    const present = await this.#disk.read(path).catch(() => undefined); // Unreadable: it is written anew.
    if (present !== text) await replaceFile(path, text, this.#disk, mode);
  }
}

const envelope = v.object({ checksum: v.string(), saved: v.unknown() });

function digest(saved: unknown): string {
  return createHash("sha256").update(canonicalJson(saved)).digest("hex");
}

function decoded(files: v.InferOutput<typeof metadataFile> | undefined): Omit<StoredMetadata, "root"> {
  const decode = (text: string | undefined): Uint8Array | undefined =>
    text === undefined ? undefined : Buffer.from(text, "base64");
  return {
    timestamp: decode(files?.timestamp),
    snapshot: decode(files?.snapshot),
    targets: decode(files?.targets),
    roles: new Map((files?.roles ?? []).map(([name, text]) => [name, Buffer.from(text, "base64")])),
  };
}
