import { removeDurably, writeAtomically } from "./atomic-file.ts";

/**
 * A file that follows a value in memory. Writes never overlap, and those that come while one is under way become one: each
 * promise is kept once the disk holds what memory held when it was given, or something newer.
 */
export class CoalescingFile {
  readonly path: string;
  #render: () => string | undefined = () => undefined;
  #running: Promise<void> = Promise.resolve();
  #queued: Promise<void> | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** Writes what `render` answers when its turn comes; undefined removes the file. */
  async save(render: () => string | undefined): Promise<void> {
    this.#render = render;
    this.#queued ??= this.#writeNext();
    return this.#queued;
  }

  /** Resolves when nothing is being written any more. */
  async idle(): Promise<void> {
    while (this.#queued !== undefined) await this.#queued.catch(() => undefined);
    await this.#running.catch(() => undefined);
  }

  async #writeNext(): Promise<void> {
    // The failure of an earlier write was told to those who asked for it.
    await this.#running.catch(() => undefined);
    this.#queued = undefined;
    const text = this.#render();
    this.#running = text === undefined ? removeDurably(this.path) : writeAtomically(this.path, text);
    await this.#running;
  }
}
