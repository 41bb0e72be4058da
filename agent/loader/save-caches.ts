import {
  chmodSync,
  closeSync,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { cacheName, encodeCache } from "./code-cache.ts";
import type { LoadedSource } from "./program-loader.ts";

/**
 * Writes the caches of these sources into their folder, each atomically, and removes all others. After a power cut, and where
 * it throws, each file in it is the old one or the new one; what ends in `.new` nobody reads.
 */
export function saveCaches(folder: string, sources: readonly Pick<LoadedSource, "source" | "script">[]): void {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o755); // Whatever the umask is: the service's user reads what lies in it.
  const names = new Set(sources.map(({ source }) => cacheName(source)));
  for (const name of readdirSync(folder)) if (!names.has(name)) rmSync(join(folder, name), { recursive: true });
  for (const { source, script } of sources) {
    const path = join(folder, cacheName(source));
    replaceFile(path, encodeCache(script.createCachedData()));
  }
  const opened = openSync(folder, "r");
  fsyncSync(opened);
  closeSync(opened);
}

function replaceFile(path: string, content: Buffer): void {
  const temporary = `${path}.new`;
  try {
    const file = openSync(temporary, "w", 0o644);
    try {
      fchmodSync(file, 0o644); // Whatever the umask is: the service's user reads it.
      writeFileSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw cause;
  }
}
