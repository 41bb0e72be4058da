import { removeDurably, writeAtomically } from "./atomic-file.ts";

/**
 * A file that follows a value in memory. Writes never overlap, and requests that come during a write share the next one:
 * each promise resolves when the disk holds the value of that moment, or a newer one.
 */
export class CoalescingFile {
  readonly path: string;
  #render: () => string | undefined = () => undefined;
  #running: Promise<void> = Promise.resolve();
  #queued: Promise<void> | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** Writes what `render` returns when the write begins; undefined removes the file. */
  async save(render: () => string | undefined): Promise<void> {
    this.#render = render;
    this.#queued ??= this.#writeNext();
    return this.#queued;
  }

  /** Resolves when no write is under way or queued. */
  async idle(): Promise<void> {
    // Failures were reported to those who called save.
    while (this.#queued !== undefined) await this.#queued.catch(() => undefined);
    await this.#running.catch(() => undefined);
  }

  async #writeNext(): Promise<void> {
    // The failure of the earlier write was reported to those who asked for it.
    await this.#running.catch(() => undefined);
    this.#queued = undefined;
    const text = this.#render();
    this.#running = text === undefined ? removeDurably(this.path) : writeAtomically(this.path, text);
    await this.#running;
  }
}
