import { constants, type Stats } from "node:fs";
import { open, stat, type FileHandle } from "node:fs/promises";
import { isAbsent, NotRegularFile } from "./errors.ts";

/** Far more than anything that people or this agent write into a text file that is read whole. */
const maxTextBytes = 64 * 1_048_576;

/**
 * Opens a regular file. A FIFO would wait for a writer for ever, and to open a device may start what it drives: neither is
 * opened.
 * @param flags of open(2), such as `O_RDWR | O_CREAT`
 * @throws NotRegularFile for a folder, a FIFO, a device or a socket
 */
export async function openRegularFile(
  path: string,
  flags: number = constants.O_RDONLY,
  mode = 0o600,
): Promise<FileHandle> {
  const before = await stat(path).catch((cause: unknown) => {
    if (isAbsent(cause)) return undefined; // It may be created now; where it is not, open says so.
    throw cause;
  });
  if (before !== undefined) requireRegular(path, before);
  const file = await open(path, flags | constants.O_NONBLOCK, mode);
  try {
    requireRegular(path, await file.stat()); // It may have been replaced meanwhile.
    return file;
  } catch (cause) {
    await file.close();
    throw cause;
  }
}

/**
 * A whole regular file as text.
 * @param maxBytes more than that is refused
 * @throws NotRegularFile for anything else and for a larger file; a system error such as ENOENT
 */
export async function readRegularFile(path: string, maxBytes = maxTextBytes): Promise<string> {
  const file = await openRegularFile(path);
  try {
    const pieces: Buffer[] = [];
    for (let total = 0; ;) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(64 * 1_024), 0, 64 * 1_024, null);
      if (bytesRead === 0) return Buffer.concat(pieces).toString("utf8");
      total += bytesRead;
      if (total > maxBytes)
        throw new NotRegularFile(`${path} has more than ${maxBytes} bytes: it is not the file that belongs there`);
      pieces.push(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

function requireRegular(path: string, stats: Stats): void {
  const kind = kindOf(stats);
  if (kind !== undefined) throw new NotRegularFile(`${path} is ${kind}, not a file`);
}

/** What lies there, where it is no regular file. */
function kindOf(stats: Stats): string | undefined {
  if (stats.isFile()) return undefined;
  if (stats.isDirectory()) return "a folder";
  if (stats.isFIFO()) return "a named pipe (FIFO)";
  if (stats.isSocket()) return "a socket";
  return "a device";
}
