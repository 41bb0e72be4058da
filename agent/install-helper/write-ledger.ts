import { join } from "node:path";
import * as v from "valibot";
import { check, sha256Hex, wholeNumber } from "../contract/check.ts";
import type { SignedTarget } from "../trust/ports.ts";
import { AgentError, isAbsent } from "../lib/errors.ts";
import { parseJson } from "../helper-protocol/protocol.ts";
import { readRegularFile } from "../lib/regular-file.ts";
import { replaceFile } from "../board/fs/files.ts";

/** How often one signed image is written before it counts as one that never proves itself. */
export const mostWrites = 20;
/** Counts of more images than boards have targets are not kept: the oldest go first. */
const mostCounted = 256;

const ledgerSchema = v.object({
  /** How often each image was written since the last proven update. */
  counts: v.pipe(v.array(v.object({ sha256: sha256Hex, writes: wholeNumber })), v.maxLength(mostCounted)),
  /** The image that was written last. */
  latest: v.nullable(v.object({ sha256: sha256Hex, epoch: wholeNumber, isWhole: v.boolean() })),
});
type Ledger = v.InferOutput<typeof ledgerSchema>;

const empty: Ledger = { counts: [], latest: null };

/**
 * What root remembers of the signed images that it has written, in a file that only root can change: so a daemon that was taken over
 * cannot wear the disk out with one image, and cannot name the epoch to which a commit raises the floor.
 */
export class WriteLedger {
  readonly #path: string;

  constructor(folder: string) {
    this.#path = join(folder, "written.json");
  }

  /**
   * Counts a write that begins now.
   * @throws AgentError `rewritten-too-often`
   */
  async countWrite({ sha256, epoch, version }: SignedTarget): Promise<void> {
    const { counts } = await this.#load();
    const writes = (counts.find((one) => one.sha256 === sha256)?.writes ?? 0) + 1;
    if (writes > mostWrites) {
      throw new AgentError(
        "rewritten-too-often",
        `The image ${version} was written ${mostWrites} times and never proven, so it is not written again: each time wears the disk. Find out why it fails. Another image may be installed; to write this one again, run on the board: sudo rm ${this.#path}`,
      );
    }
    const others = counts.filter((one) => one.sha256 !== sha256).slice(-(mostCounted - 1));
    await this.#save({ counts: [...others, { sha256, writes }], latest: { sha256, epoch, isWhole: false } });
  }

  /** Remembers that an image is written to its end, by the helper or by an agent that installs by itself. */
  async setWritten({ sha256, epoch }: SignedTarget): Promise<void> {
    const { counts } = await this.#load();
    await this.#save({ counts, latest: { sha256, epoch, isWhole: true } });
  }

  /** The epoch of the image that was written last, if that is this one and it was written to its end. */
  async epochOf(sha256: string): Promise<number | undefined> {
    const { latest } = await this.#load();
    return latest?.sha256 === sha256 && latest.isWhole ? latest.epoch : undefined;
  }

  /** After an update that was proven: every image may be written as often again. */
  async forgetCounts(): Promise<void> {
    const { counts, latest } = await this.#load();
    if (counts.length > 0) await this.#save({ counts: [], latest });
  }

  /** A file that is damaged or not there counts as empty: a board must stay able to install. */
  async #load(): Promise<Ledger> {
    let text: string;
    try {
      text = await readRegularFile(this.#path, 64 * 1_024);
    } catch (cause) {
      if (isAbsent(cause)) return empty;
      throw new AgentError("disk-error", `${this.#path} cannot be read. Check the board's disk.`, { cause });
    }
    const found = check(ledgerSchema, parseJson(text));
    return found.ok ? found.value : empty;
  }

  async #save(ledger: Ledger): Promise<void> {
    try {
      await replaceFile(this.#path, JSON.stringify(ledger));
    } catch (cause) {
      throw new AgentError("disk-error", `${this.#path} cannot be written. Check the board's disk.`, { cause });
    }
  }
}
