import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { describeError } from "../local-hub/lib/log.ts";
import { isAbsent } from "./durable-files.ts";

/** Where the files of a repository are read from: a folder, or a web server. */
export interface RepositorySource {
  /** What to call it in a sentence. */
  readonly name: string;
  /** The bytes of a small file, by its path: "metadata/timestamp.json". Undefined where it does not exist. @throws FileTooLarge */
  read(path: string, maxBytes: number): Promise<Buffer | undefined>;
  /** The bytes of a large file; undefined where it does not exist. */
  stream(path: string): Promise<AsyncIterable<Uint8Array> | undefined>;
}

class FileTooLarge extends Error {}

export function folderSource(folder: string): RepositorySource {
  const stream = async (path: string): Promise<AsyncIterable<Uint8Array> | undefined> => {
    const file = await open(join(folder, path)).catch((cause: unknown) => {
      if (isAbsent(cause)) return undefined;
      throw cause;
    });
    await file?.close();
    return file === undefined ? undefined : createReadStream(join(folder, path));
  };
  return { name: folder, stream, read: (path, maxBytes) => readAll(path, stream, maxBytes) };
}

/** @param base the URL above `metadata/`, as `update.repository` on boards */
export function webSource(base: string, signal: AbortSignal): RepositorySource {
  const stream = async (path: string): Promise<AsyncIterable<Uint8Array> | undefined> => {
    const url = `${base.replace(/\/+$/, "")}/${path.split("/").map(encodeURIComponent).join("/")}`;
    const response = await fetch(url, { signal }).catch((cause: unknown) => {
      signal.throwIfAborted();
      throw new Error(`${url} cannot be read: ${describeError(cause)}`, { cause });
    });
    // As TUF's clients do: some servers forbid what they do not have.
    if (response.status === 404 || response.status === 403) return undefined;
    if (!response.ok || response.body === null) throw new Error(`${url}: the server answered ${response.status}`);
    return response.body;
  };
  return { name: base, stream, read: (path, maxBytes) => readAll(path, stream, maxBytes) };
}

async function readAll(
  path: string,
  stream: RepositorySource["stream"],
  maxBytes: number,
): Promise<Buffer | undefined> {
  const bytes = await stream(path);
  if (bytes === undefined) return undefined;
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of bytes) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > maxBytes) throw new FileTooLarge(`${path} has more than ${maxBytes} bytes`);
  }
  return Buffer.concat(chunks);
}
