import { join } from "node:path";
import { isAbsent } from "../../lib/errors.ts";
import { stateFileNames } from "../../config/paths.ts";
import { unreadableCount } from "../../update/job.ts";
import type { BootCounter } from "../../update/ports.ts";
import { nodeDisk, type Disk } from "./disk.ts";
import { replaceFile } from "./files.ts";

/**
 * The boot counter in a file of its own: `trials 003` and a newline. The format never changes, so that a release which cannot
 * read another release's state can still count its own trial boots.
 */
export class BootCounterFile implements BootCounter {
  readonly #path: string;
  readonly #disk: Disk;

  constructor(folder: string, disk: Disk = nodeDisk) {
    this.#disk = disk;
    this.#path = join(folder, stateFileNames.bootCounter);
  }

  async read(): Promise<number> {
    try {
      const digits = /^trials (\d{3})\n$/.exec(await this.#disk.read(this.#path))?.[1];
      // An invalid file fails closed: the count is so high that no further trial boot is made.
      return digits === undefined ? unreadableCount : Number(digits);
    } catch (cause) {
      if (isAbsent(cause)) return 0;
      throw cause;
    }
  }

  async write(count: number): Promise<void> {
    await replaceFile(this.#path, `trials ${String(Math.min(count, unreadableCount)).padStart(3, "0")}\n`, this.#disk);
  }
}
