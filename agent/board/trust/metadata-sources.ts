import { AgentError, isAbsent } from "../../lib/errors.ts";
import type { MetadataSource } from "../../trust/ports.ts";
import { openBelow, readAtMost, TooLarge } from "./own-files.ts";

/* Where metadata comes from, apart from a web server. Nothing that these return is trusted. */

/** A metadata file's name in a repository: a version where it has one, its role, and no way out of the folder. */
const metadataName = /^[A-Za-z0-9][\w,.+-]{0,99}\.json$/;

/**
 * A repository's folder, such as a USB stick: its files lie in `metadata/`. No link in it is followed.
 * Rejects with a system error where the folder itself cannot be read.
 */
export function folderSource(repository: string): MetadataSource {
  return {
    async read(name, maxBytes, signal) {
      signal?.throwIfAborted();
      return await readMetadataFile(repository, ["metadata", requireName(name)], maxBytes);
    },
  };
}

/** Metadata in memory by its names, such as what the daemon has sent to root's helper. */
export function mapSource(files: ReadonlyMap<string, Uint8Array>): MetadataSource {
  return {
    read: async (name, maxBytes) => {
      const found = files.get(name);
      if (found !== undefined && found.length > maxBytes) throw tooLarge(name, maxBytes);
      return found;
    },
  };
}

/** A file below a folder; undefined where there is none. Rejects with `metadata-too-large`, else as openBelow does. */
async function readMetadataFile(
  folder: string,
  way: readonly string[],
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  try {
    const file = await openBelow(folder, way);
    try {
      return await readAtMost(file, [folder, ...way].join("/"), maxBytes);
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (isAbsent(cause)) return undefined;
    if (cause instanceof TooLarge) throw tooLarge(way.at(-1) ?? "", maxBytes, cause);
    throw cause;
  }
}

function requireName(name: string): string {
  if (!metadataName.test(name)) throw new Error(`${JSON.stringify(name)} is not the name of a metadata file`);
  return name;
}

function tooLarge(name: string, maxBytes: number, cause?: unknown): AgentError {
  return new AgentError(
    "metadata-too-large",
    `The metadata file ${name} has more than ${maxBytes} bytes. Nothing was read beyond that. Publish it again with boardkeeper repo, which keeps metadata small.`,
    { cause },
  );
}
