import { createReadStream } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { createGzip, constants } from "node:zlib";

/*
 * A folder as a tar.gz for boards: the same files make the same bytes, whoever packs them and when. Owners and times are left out;
 * of the permissions counts whether a file can be executed.
 */

const blockBytes = 512;
/** Every file's time: 1980-01-01. Some programs take 1970 for no time at all. */
const fileTime = 315_532_800;
/** What the size field of a header holds: 11 octal digits. */
const largestShortSize = 8 ** 11 - 1;
const longestName = 100;

/** The folder has something that no archive for boards may have; the message names it. */
class CannotPack extends Error {}

/** The bytes of the archive. @throws CannotPack while it is read */
export function packFolder(folder: string): Readable {
  const tar = Readable.from(archiveOf(folder), { objectMode: false });
  const gzip = createGzip({ level: constants.Z_BEST_COMPRESSION });
  tar.once("error", (cause) => gzip.destroy(cause));
  return tar.pipe(gzip);
}

async function* archiveOf(folder: string): AsyncGenerator<Buffer, void> {
  yield* entriesBelow(folder, "");
  yield Buffer.alloc(2 * blockBytes);
}

async function* entriesBelow(folder: string, prefix: string): AsyncGenerator<Buffer, void> {
  // By their bytes: other orders depend on the language of the system.
  const names = (await readdir(folder)).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  for (const name of names) {
    const [path, inside] = [join(folder, name), `${prefix}${name}`];
    const stats = await lstat(path);
    if (stats.isDirectory()) {
      yield* headerFor({ name: `${inside}/`, type: "5", mode: 0o755, size: 0, target: "" });
      yield* entriesBelow(path, `${inside}/`);
    } else if (stats.isSymbolicLink()) {
      yield* headerFor({ name: inside, type: "2", mode: 0o777, size: 0, target: await readlink(path) });
    } else if (stats.isFile()) {
      // Packed without them, the program would silently do less on the board.
      if ((stats.mode & 0o7000) !== 0) {
        throw new CannotPack(
          `${path} is set-user-ID, set-group-ID or sticky, and boards unpack no such file. Take that away: chmod ug-s,-t ${path}`,
        );
      }
      yield* headerFor({
        name: inside,
        type: "0",
        mode: (stats.mode & 0o111) === 0 ? 0o644 : 0o755,
        size: stats.size,
        target: "",
      });
      yield* contentOf(path, stats.size);
    } else {
      throw new CannotPack(`${path} is no file, folder or link: boards unpack nothing else. Leave it out.`);
    }
  }
}

async function* contentOf(path: string, size: number): AsyncGenerator<Buffer, void> {
  let read = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    read += chunk.length;
    if (read > size) break;
    yield chunk;
  }
  if (read !== size)
    throw new CannotPack(`${path} has changed while it was packed. Pack a folder that nobody writes to.`);
  yield padding(size);
}

interface Header {
  readonly name: string;
  readonly type: "0" | "2" | "5";
  readonly mode: number;
  readonly size: number;
  readonly target: string;
}

/** POSIX's ustar header; what does not fit into it precedes it as an extended one (pax). */
function* headerFor({ name, type, mode, size, target }: Header): Generator<Buffer, void> {
  const records = [
    ...(Buffer.byteLength(name) > longestName ? [paxRecord("path", name)] : []),
    ...(Buffer.byteLength(target) > longestName ? [paxRecord("linkpath", target)] : []),
    ...(size > largestShortSize ? [paxRecord("size", String(size))] : []),
  ];
  if (records.length > 0) {
    const content = Buffer.concat(records);
    yield ustar("pax", "x", 0o644, content.length, "");
    yield content;
    yield padding(content.length);
  }
  yield ustar(name, type, mode, size > largestShortSize ? 0 : size, target);
}

function ustar(name: string, type: string, mode: number, size: number, target: string): Buffer {
  const block = Buffer.alloc(blockBytes);
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, "0")}\0`;
  block.set(Buffer.from(name).subarray(0, longestName), 0);
  block.write(octal(mode, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(size, 11), 124);
  block.write(octal(fileTime, 11), 136);
  block.write("        ", 148);
  block.write(type, 156);
  block.set(Buffer.from(target).subarray(0, longestName), 157);
  block.write("ustar\u000000", 257, "latin1");
  block.write(octal(0, 7), 329);
  block.write(octal(0, 7), 337);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** "LENGTH KEY=VALUE\n", where LENGTH counts itself. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + 1;
  while (String(length).length + rest !== length) length = String(length).length + rest;
  return Buffer.from(`${length} ${key}=${value}\n`);
}

function padding(size: number): Buffer {
  return Buffer.alloc((blockBytes - (size % blockBytes)) % blockBytes);
}
