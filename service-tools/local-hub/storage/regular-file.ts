import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from "node:fs";
import { open, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";

/**
 * Opens a regular file for reading. Rejects at once for anything else: a FIFO would wait for a writer for ever, and a device
 * such as /dev/zero never ends.
 */
export async function openRegularFile(path: string): Promise<FileHandle> {
  if (!(await stat(path)).isFile()) throw notRegular();
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if ((await file.stat()).isFile()) return file; // It may have been replaced meanwhile.
  await file.close();
  throw notRegular();
}

/** Far more than any text that these programs read as a whole. */
const MAX_TEXT_BYTES = 16 * 1024 * 1024;

/** The text of a regular file. Rejects as openRegularFile does, and for one of more than 16 MiB. */
export async function readRegularFile(path: string): Promise<string> {
  const file = await openRegularFile(path);
  try {
    requireText((await file.stat()).size);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

/** The same at once, for what is read while a command line is parsed. */
export function readRegularFileSync(path: string): string {
  if (!statSync(path).isFile()) throw notRegular();
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw notRegular();
    requireText(stats.size);
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

function requireText(size: number): void {
  if (size > MAX_TEXT_BYTES) throw new Error(`it has ${size} bytes; at most ${MAX_TEXT_BYTES} are read`);
}

function notRegular(): Error {
  return new Error("it is not a regular file");
}
