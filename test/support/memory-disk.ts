import type { Disk } from "../../agent/board/fs/disk.ts";

/** A disk in memory that loses nothing: for tests of the content of files. */
export class MemoryDisk implements Disk {
  readonly files = new Map<string, Buffer>();

  makeFolder = async (): Promise<undefined> => undefined;
  syncFolder = async (): Promise<void> => undefined;
  remove = async (path: string): Promise<void> => void this.files.delete(path);

  async read(path: string): Promise<string> {
    return this.#existing(path).toString("utf8");
  }

  async create(path: string): ReturnType<Disk["create"]> {
    this.files.set(path, Buffer.alloc(0));
    return {
      write: async (content) => void this.files.set(path, Buffer.from(content)),
      sync: async () => undefined,
      close: async () => undefined,
    };
  }

  async rename(from: string, to: string): Promise<void> {
    this.files.set(to, this.#existing(from));
    this.files.delete(from);
  }

  async link(path: string, second: string): Promise<void> {
    this.files.set(second, this.#existing(path));
  }

  #existing(path: string): Buffer {
    const content = this.files.get(path);
    if (content === undefined) throw Object.assign(new Error(`${path} is not there`), { code: "ENOENT" });
    return content;
  }
}
