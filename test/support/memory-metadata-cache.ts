import type { MetadataCacheFiles } from "../../agent/trust/cached-metadata.ts";

/** Downloaded metadata in memory; a test may change it, or let its disk refuse. */
export class MemoryMetadataCache implements MetadataCacheFiles {
  readonly files = new Map<string, Uint8Array>();
  /** What the disk says to whoever would write. */
  refusal: Error | undefined;
  /** The versions of the roots that root's helper trusts, as they were given. */
  readonly rootVersions: number[] = [];

  async read(name: string): Promise<Uint8Array | undefined> {
    return this.files.get(name);
  }

  async readAll(): Promise<ReadonlyMap<string, Uint8Array>> {
    return this.files;
  }

  async keep(files: ReadonlyMap<string, Uint8Array>, rootVersion: number): Promise<void> {
    if (this.refusal !== undefined) throw this.refusal;
    this.rootVersions.push(rootVersion);
    for (const [name, bytes] of files) this.files.set(name, bytes);
  }
}
