import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A root file system in layers: what lies below is shared and never written, what a machine writes is its own. */
export class Disk {
  readonly #folder: string;
  readonly #below: readonly string[];

  private constructor(folder: string, below: readonly string[]) {
    this.#folder = folder;
    this.#below = below;
  }

  /** @param below folders, the lowest first */
  static async over(below: readonly string[]): Promise<Disk> {
    const disk = new Disk(await mkdtemp(join(tmpdir(), "boardkeeper-rig-")), below);
    await mkdir(disk.upper);
    return disk;
  }

  /** Where this disk's own files lie: a layer for other disks, once its machine is off. */
  get upper(): string {
    return join(this.#folder, "upper");
  }

  /** As test/os/boot takes them. */
  get mountArguments(): string[] {
    return [[...this.#below].reverse().join(":"), this.upper, join(this.#folder, "work")];
  }

  /** Puts a file there while the machine is off. */
  async write(path: string, text: string, mode = 0o644): Promise<void> {
    const file = join(this.upper, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    await chmod(file, mode);
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
