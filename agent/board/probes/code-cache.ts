import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { errorMessage, isAbsent } from "../../lib/errors.ts";
import { cacheName, compile, readCache } from "../../loader/code-cache.ts";
import type { CodeCacheFacts } from "./facts.ts";

/**
 * What a start of the program in this folder, with this Node.js, would find of its code cache. Undefined where no built
 * program lies there.
 */
export function probeCodeCache(programFolder: string): CodeCacheFacts | undefined {
  const sources = join(programFolder, "agent");
  const folder = join(programFolder, "code-cache");
  const names = namesIn(sources).names.filter((name) => name.endsWith(".cjs"));
  if (names.length === 0) return undefined;
  let [accepted, bytes] = [0, 0];
  const caches = namesIn(folder);
  let problem: CodeCacheFacts["problem"] = caches.problem;
  const others = new Set(caches.names);
  for (const name of names) {
    const path = join(sources, name);
    const source = readFileSync(path);
    if (!others.delete(cacheName(source))) continue; // Few sources are needed for a start.
    const cache = readCache(folder, source, statSync(path).uid);
    // Under another name: V8 would answer for a source that this process has loaded without looking at the cache.
    const compiled = compile(`${path}?`, source, cache);
    if (compiled.problem !== undefined) problem ??= { ...compiled.problem, file: join(folder, cacheName(source)) };
    else {
      accepted += 1;
      bytes += Buffer.isBuffer(cache) ? cache.length : 0;
    }
  }
  return { folder, accepted, bytes, others: others.size, problem, maker: join(programFolder, "make-code-cache.cjs") };
}

/** None where there is no folder: a start finds no file there either. */
function namesIn(folder: string): { readonly names: readonly string[]; readonly problem?: CodeCacheFacts["problem"] } {
  try {
    return { names: readdirSync(folder) };
  } catch (cause) {
    if (isAbsent(cause)) return { names: [] };
    return { names: [], problem: { problem: "unreadable", detail: errorMessage(cause), file: folder } };
  }
}
