import { readSync } from "node:fs";

/** Far more than any source or its cache has; only what a file needs is taken of the machine. */
const mostBytes = 2 ** 25;

/**
 * Memory for the bytes of one file at a time, which is given back at once when no more are read. A Buffer of Node's would stay until V8's
 * next collection of garbage, which an idle agent may never need.
 */
export class FileMemory {
  readonly #memory = new ArrayBuffer(0, { maxByteLength: mostBytes });

  /** The content of an open file, until the next `read` or `release`. Throws where it ends early. */
  read(file: number, sizeBytes: number): Buffer {
    if (this.#memory.byteLength < sizeBytes) this.#memory.resize(sizeBytes);
    const content = Buffer.from(this.#memory, 0, sizeBytes);
    if (readSync(file, content) !== sizeBytes) throw new Error("the file is shorter than it was");
    return content;
  }

  release(): void {
    this.#memory.resize(0);
  }
}
