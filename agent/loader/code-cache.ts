import { isAscii } from "node:buffer";
import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { Script } from "node:vm";
import { errorMessage, isAbsent } from "../lib/errors.ts";

/*
 * The code cache: what V8 has made of a source, so that the next start need not make it again. One file for each source, named
 * by the SHA-256 of the source, because V8 compares only its length: with another name, code of an older source would run. A
 * file begins with the SHA-256 of the rest, because V8 believes every byte of it.
 */

const checksumBytes = 32;

/** Why the cache of a source is not used; `detail` is of the system, for people. */
export interface CacheProblem {
  readonly problem: "absent" | "untrusted" | "damaged" | "unreadable" | "refused";
  readonly detail?: string;
}

function sha256(bytes: Buffer): Buffer {
  return createHash("sha256").update(bytes).digest();
}

/** The name of a source's cache in the folder of all. */
export function cacheName(source: Buffer): string {
  return `${sha256(source).toString("hex")}.cache`;
}

/** The content of the file for what V8 has made. */
export function encodeCache(code: Buffer): Buffer {
  return Buffer.concat([sha256(code), code]);
}

/**
 * Reads the cache of a source. Never throws: whatever is wrong with it, the program starts without.
 * @param owner the user id of the program's owner: he and root may give it code, and nobody else may be able to change the file
 */
export function readCache(folder: string, source: Buffer, owner: number): Buffer | CacheProblem {
  let file: number | undefined;
  try {
    file = openSync(join(folder, cacheName(source)), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const { uid, mode, size } = fstatSync(file);
    if ((uid !== 0 && uid !== owner) || (mode & 0o022) !== 0) return { problem: "untrusted" };
    // A buffer of its own, which is given back as soon as V8 has read it.
    const content = Buffer.allocUnsafeSlow(size);
    if (readSync(file, content) !== size) return { problem: "damaged" };
    const code = content.subarray(checksumBytes);
    return sha256(code).equals(content.subarray(0, checksumBytes)) ? code : { problem: "damaged" };
  } catch (cause) {
    return isAbsent(cause) ? { problem: "absent" } : { problem: "unreadable", detail: errorMessage(cause) };
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Text of one byte a character takes V8 half the memory of others; nearly all sources are ASCII. */
function textOf(source: Buffer): string {
  return isAscii(source) ? source.toString("latin1") : source.toString("utf8");
}

/** Compiles a source, with its cache where V8 takes that: it refuses one of another version or with other flags. */
export function compile(path: string, source: Buffer, cache: Buffer | CacheProblem): CompiledSource {
  if (!Buffer.isBuffer(cache)) return { script: new Script(textOf(source), { filename: path }), problem: cache };
  const script = new Script(textOf(source), { filename: path, cachedData: cache });
  return script.cachedDataRejected === true ? { script, problem: { problem: "refused" } } : { script };
}

export interface CompiledSource {
  readonly script: Script;
  /** Absent where it was made from its cache. */
  readonly problem?: CacheProblem;
}
