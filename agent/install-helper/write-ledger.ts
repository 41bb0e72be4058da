import { join } from "node:path";
import * as v from "valibot";
import { check, sha256Hex, wholeNumber } from "../contract/check.ts";
import { firmwareVersion } from "../contract/methods.ts";
import type { SignedTarget } from "../trust/ports.ts";
import { AgentError, isAbsent } from "../lib/errors.ts";
import { parseJson } from "../helper-protocol/protocol.ts";
import { nodeDisk, type Disk } from "../board/fs/disk.ts";
import { replaceFile } from "../board/fs/files.ts";

/** How often one signed image is written before it counts as one that never proves itself. */
export const mostWrites = 20;
/** Counts of more images than boards have targets are not kept: the oldest go first. */
const mostCounted = 256;

const ledgerSchema = v.object({
  /** How often each image was written since it was proven. */
  counts: v.pipe(v.array(v.object({ sha256: sha256Hex, writes: wholeNumber })), v.maxLength(mostCounted)),
  /** The image that was written last. */
  latest: v.nullable(
    v.object({
      sha256: sha256Hex,
      version: firmwareVersion,
      epoch: wholeNumber,
      /** Who wrote it: an installer's name, or `none` for an agent that installs by itself. */
      installer: v.string(),
      /** `written`: to its end. `armed`: root has begun to switch to it. */
      state: v.picklist(["begun", "written", "armed", "committed"]),
    }),
  ),
  /** The image that was proven last. */
  proven: v.nullable(sha256Hex),
  /** The last image whose commit was to raise the floor, and to which epoch. */
  raised: v.optional(v.object({ sha256: sha256Hex, epoch: wholeNumber })),
});
type Ledger = v.InferOutput<typeof ledgerSchema>;
/** An image that was written, as far as root has seen it. */
export type WrittenImage = Readonly<NonNullable<Ledger["latest"]>>;

const empty: Ledger = { counts: [], latest: null, proven: null };

/**
 * What root remembers of the signed images that it has written, in a file that only root can change: so a daemon that was taken over
 * cannot wear the disk out with one image, cannot name the epoch to which a commit raises the floor, and cannot start or undo what
 * root has not written.
 */
export class WriteLedger {
  readonly #path: string;
  readonly #disk: Disk;

  constructor(folder: string, disk: Disk = nodeDisk) {
    this.#path = join(folder, "written.json");
    this.#disk = disk;
  }

  /**
   * Counts a write that begins now. The image that was written last is still the one before.
   * @throws AgentError `rewritten-too-often`
   */
  async countWrite({ sha256, version }: SignedTarget): Promise<void> {
    const ledger = await this.#load();
    const writes = (ledger.counts.find((one) => one.sha256 === sha256)?.writes ?? 0) + 1;
    if (writes > mostWrites) {
      throw new AgentError(
        "rewritten-too-often",
        `The image ${version} was written ${mostWrites} times and never proven, so it is not written again: each time wears the disk. Find out why it fails. Another image may be installed; to write this one again, run on the board: sudo rm ${this.#path}`,
      );
    }
    const others = countsWithout(ledger, sha256).slice(-(mostCounted - 1));
    const counts = [...others, { sha256, writes }];
    await this.#save({ ...ledger, counts });
  }

  /** Remembers that an installer begins to write an image: what it wrote before may be gone. */
  async setBegun(target: SignedTarget, installer: string): Promise<void> {
    await this.#save({ ...(await this.#load()), latest: describe(target, installer, "begun") });
  }

  /** Remembers that an image is written to its end, by the helper or by an agent that installs by itself. */
  async setWritten(target: SignedTarget, installer: string): Promise<void> {
    await this.#save({ ...(await this.#load()), latest: describe(target, installer, "written") });
  }

  /** Remembers that root begins to switch to the image that was written last. One that is committed stays so. */
  async setArmed(): Promise<void> {
    const ledger = await this.#load();
    if (ledger.latest?.state === "written")
      await this.#save({ ...ledger, latest: { ...ledger.latest, state: "armed" } });
  }

  /** Remembers, before it is done, that the commit of an image raises the floor. */
  async setRaised({ sha256, epoch }: Pick<WrittenImage, "sha256" | "epoch">): Promise<void> {
    await this.#save({ ...(await this.#load()), raised: { sha256, epoch } });
  }

  /** The last image whose commit was to raise the floor; undefined where none is known. */
  async raised(): Promise<Ledger["raised"]> {
    return (await this.#load()).raised;
  }

  /** The image that was written last; undefined where nothing is known of any. */
  async latest(): Promise<WrittenImage | undefined> {
    return (await this.#load()).latest ?? undefined;
  }

  /**
   * Remembers that the image that was written last is committed.
   * @param isProven whether the board runs it. Then it may be written as often again; but not if it was proven last already: to
   *   commit it again and again proves nothing
   */
  async setCommitted(isProven: boolean): Promise<void> {
    const ledger = await this.#load();
    const { latest, proven } = ledger;
    if (latest === null) return;
    const isNew = isProven && latest.sha256 !== proven;
    if (latest.state === "committed" && !isNew) return;
    await this.#save({
      ...ledger,
      counts: isNew ? countsWithout(ledger, latest.sha256) : ledger.counts,
      latest: { ...latest, state: "committed" },
      proven: isNew ? latest.sha256 : proven,
    });
  }

  /** A file that is damaged or not there counts as empty: a board must stay able to install. */
  async #load(): Promise<Ledger> {
    let text: string;
    try {
      text = await this.#disk.read(this.#path);
    } catch (cause) {
      if (isAbsent(cause)) return empty;
      throw new AgentError("disk-error", `${this.#path} cannot be read. Check the board's disk.`, { cause });
    }
    const found = check(ledgerSchema, parseJson(text));
    return found.ok ? found.value : empty;
  }

  /** Nothing is written where nothing changes: an agent may repeat a step as often as it likes. */
  async #save(ledger: Ledger): Promise<void> {
    const text = JSON.stringify(ledger);
    if (text === JSON.stringify(await this.#load())) return;
    try {
      await replaceFile(this.#path, text, this.#disk);
    } catch (cause) {
      throw new AgentError("disk-error", `${this.#path} cannot be written. Check the board's disk.`, { cause });
    }
  }
}

function countsWithout({ counts }: Ledger, sha256: string): Ledger["counts"] {
  return counts.filter((one) => one.sha256 !== sha256);
}

function describe(
  { sha256, version, epoch }: SignedTarget,
  installer: string,
  state: WrittenImage["state"],
): WrittenImage {
  return { sha256, version, epoch, installer, state };
}
