import type { MetadataCacheFiles } from "../../agent/trust/cached-metadata.ts";

/** Downloaded metadata in memory; a test may change it, or let its disk refuse. */
export class MemoryMetadataCache implements MetadataCacheFiles {
  readonly files = new Map<string, Uint8Array>();
  /** What the disk says to whoever would write. */
  refusal: Error | undefined;
  #unkept: ReadonlyMap<string, Uint8Array> | undefined;

  async read(name: string): Promise<Uint8Array | undefined> {
    return (this.#unkept ?? this.files).get(name);
  }

  async keep(files: ReadonlyMap<string, Uint8Array>): Promise<void> {
    this.#unkept = files;
    if (this.refusal !== undefined) throw this.refusal;
    this.files.clear();
    for (const [name, bytes] of files) this.files.set(name, bytes);
    this.#unkept = undefined;
  }
}
