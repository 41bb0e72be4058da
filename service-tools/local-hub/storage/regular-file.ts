import { constants } from "node:fs";
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

/** The text of a regular file. Rejects as openRegularFile does. */
export async function readRegularFile(path: string): Promise<string> {
  const file = await openRegularFile(path);
  try {
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

function notRegular(): Error {
  return new Error("it is not a regular file");
}
