import { ArchiveRefused, maxEntryPathBytes, quote, type ArchiveEntry } from "./archive-rules.ts";
import { parsePaxRecords } from "./pax-records.ts";

/** What a tar file holds, in its order: an entry, then the pieces of its content where it has some. */
export type TarEvent =
  | { readonly type: "entry"; readonly entry: ArchiveEntry }
  | { readonly type: "content"; readonly bytes: Uint8Array };

const blockBytes = 512;
/** The most bytes of one extended header: two long paths, and what packers write beside them. */
const maxExtensionBytes = 16_384;

/** An extended header that is being read: its type, and the bytes so far. */
interface Extension {
  readonly type: string;
  readonly bytes: Uint8Array;
  filled: number;
}

/** What stands before an entry because its header has no room for it. */
interface Extensions {
  name?: string;
  target?: string;
  sizeBytes?: number;
}

/**
 * Reads a tar file piece by piece, as strictly as no other reader need be: what two readers could read differently is refused.
 * POSIX's format (ustar, pax) and GNU tar's. Bounded memory; each method throws ArchiveRefused.
 */
export class TarReader {
  readonly #block = new Uint8Array(blockBytes);
  #filled = 0;
  /** Bytes of content that are still to come, and of the padding behind them. */
  #contentLeft = 0;
  #paddingLeft = 0;
  #extension: Extension | undefined;
  #extensions: Extensions = {};
  /** Blocks of zeros so far: two are the end. */
  #zeroBlocks = 0;

  /** The next bytes. The pieces of content are views of them. */
  *push(bytes: Uint8Array): Generator<TarEvent, void> {
    for (let at = 0; at < bytes.length;) {
      if (this.#contentLeft > 0) {
        const piece = bytes.subarray(at, at + this.#contentLeft);
        this.#contentLeft -= piece.length;
        at += piece.length;
        if (this.#extension === undefined) yield { type: "content", bytes: piece };
        else this.#addToExtension(this.#extension, piece);
        continue;
      }
      const wanted = this.#paddingLeft > 0 ? this.#paddingLeft : blockBytes - this.#filled;
      const piece = bytes.subarray(at, at + wanted);
      at += piece.length;
      if (this.#paddingLeft > 0) {
        this.#paddingLeft -= piece.length;
        if (piece.some((byte) => byte !== 0)) invalid("The padding behind a file is not zero");
        continue;
      }
      this.#block.set(piece, this.#filled);
      this.#filled = (this.#filled + piece.length) % blockBytes;
      if (this.#filled > 0) continue;
      const entry = this.#readBlock(this.#block);
      if (entry !== undefined) yield { type: "entry", entry };
    }
  }

  /** To be called after the last bytes. */
  end(): void {
    if (this.#zeroBlocks < 2 || this.#filled > 0) invalid("The archive is cut off: its end is missing");
  }

  #readBlock(block: Uint8Array): ArchiveEntry | undefined {
    if (block.every((byte) => byte === 0)) {
      if (this.#extension !== undefined || Object.keys(this.#extensions).length > 0)
        invalid("The archive ends behind an extended header, which belongs to nothing");
      this.#zeroBlocks += 1;
      return undefined;
    }
    if (this.#zeroBlocks > 0) invalid("Something follows the end of the archive");
    const header = readHeader(block);
    this.#contentLeft = header.sizeBytes;
    const { type } = header;
    if (type === "x" || type === "g" || type === "L" || type === "K") {
      if (header.sizeBytes === 0 || header.sizeBytes > maxExtensionBytes)
        invalid(
          `The archive has an extended header of ${header.sizeBytes} bytes; at most ${maxExtensionBytes} are read`,
        );
      this.#extension = { type, bytes: new Uint8Array(header.sizeBytes), filled: 0 };
      this.#pad(header.sizeBytes);
      return undefined;
    }
    const { name = header.name, target = header.target, sizeBytes = header.sizeBytes } = this.#extensions;
    this.#extensions = {};
    this.#contentLeft = sizeBytes;
    this.#pad(sizeBytes);
    return entryOf(type, { name, target, sizeBytes, mode: header.mode });
  }

  #pad(sizeBytes: number): void {
    this.#paddingLeft = (blockBytes - (sizeBytes % blockBytes)) % blockBytes;
  }

  #addToExtension(extension: Extension, piece: Uint8Array): void {
    extension.bytes.set(piece, extension.filled);
    extension.filled += piece.length;
    if (this.#contentLeft > 0) return;
    this.#extension = undefined;
    const read = readExtension(extension.type, extension.bytes);
    for (const key of Object.keys(read))
      if (Object.hasOwn(this.#extensions, key)) invalid(`The archive gives one entry two long values for its ${key}`);
    Object.assign(this.#extensions, read);
  }
}

function readExtension(type: string, bytes: Uint8Array): Extensions {
  if (type === "x") return parsePaxRecords(bytes, "entry");
  if (type === "g") return parsePaxRecords(bytes, "archive");
  if (bytes.at(-1) !== 0 || bytes.indexOf(0) !== bytes.length - 1) invalid("A long name of the archive is cut off");
  const text = decode(bytes.subarray(0, -1));
  if (text === "") invalid("A long name of the archive is empty");
  return type === "L" ? { name: text } : { target: text };
}

function entryOf(
  type: string,
  { name, target, sizeBytes, mode }: Required<Extensions> & { readonly mode: number },
): ArchiveEntry {
  if (name === "") invalid("The archive has an entry without a name");
  if (type === "0" || type === "\0") {
    if (target !== "") invalid(`${quote(name)} is a file with the target of a link`);
    return { kind: "file", name, mode, sizeBytes };
  }
  const what = unsafeTypes[type];
  if (what !== undefined)
    throw new ArchiveRefused(
      "archive-unsafe",
      `${quote(name)} is ${what}: a release holds files, folders and links. Leave it out.`,
    );
  if (sizeBytes !== 0) invalid(`${quote(name)} has content, and is no file`);
  if (type === "5") return { kind: "folder", name, mode, sizeBytes };
  if (type === "1") return { kind: "hardlink", name, mode, sizeBytes, target };
  if (type === "2") return { kind: "symlink", name, mode, sizeBytes, target };
  return invalid(`${quote(name)} is of the unknown type ${quote(type)}. Pack with tar --format=pax or --format=gnu`);
}

const unsafeTypes: Readonly<Record<string, string>> = {
  "3": "a character device",
  "4": "a block device",
  "6": "a named pipe (FIFO)",
  "7": "a contiguous file",
  s: "a socket",
  S: "a sparse file (pack without --sparse)",
  M: "a part of a file that began in another archive",
  D: "an incremental backup's folder",
};

interface Header {
  readonly type: string;
  readonly name: string;
  readonly target: string;
  readonly mode: number;
  readonly sizeBytes: number;
}

function readHeader(block: Uint8Array): Header {
  const magic = latin1(block.subarray(257, 265));
  const isPosix = magic === "ustar\x0000";
  if (!isPosix && magic !== "ustar  \0")
    invalid("It is no tar archive that is known here, or damaged. Pack with tar --format=pax or --format=gnu");
  let sum = 0;
  for (const [index, byte] of block.entries()) sum += index >= 148 && index < 156 ? 32 : byte;
  if (sum !== readNumber(block.subarray(148, 156))) invalid("A header of the archive is damaged: its checksum differs");
  const short = readText(block.subarray(0, 100));
  const prefix = isPosix ? readText(block.subarray(345, 500)) : "";
  return {
    type: latin1(block.subarray(156, 157)),
    name: prefix === "" ? short : `${prefix}/${short}`,
    target: readText(block.subarray(157, 257)),
    mode: readNumber(block.subarray(100, 108)) & 0o7777,
    sizeBytes: readNumber(block.subarray(124, 136)),
  };
}

/** Octal digits, or binary with the first bit set, as GNU tar writes large ones. */
function readNumber(field: Uint8Array): number {
  const [first = 0, ...rest] = field;
  if (first >= 0x80) {
    if (first !== 0x80) invalid("The archive has a number that is negative or too large");
    const value = rest.reduce((sum, byte) => sum * 256 + byte, 0);
    if (!Number.isSafeInteger(value)) invalid("The archive has a number that is negative or too large");
    return value;
  }
  const [, digits] = /^ *([0-7]*)[ \0]*$/.exec(latin1(field)) ?? [];
  if (digits === undefined) invalid("The archive has a number that cannot be read");
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

/** Up to the first zero; nothing may hide behind it. */
function readText(field: Uint8Array): string {
  const zero = field.indexOf(0);
  const end = zero === -1 ? field.length : zero;
  if (field.subarray(end).some((byte) => byte !== 0)) invalid("The archive has a name with a zero in it");
  return decode(field.subarray(0, end));
}

/** A name in UTF-8. A byte order mark stays a character of it. */
function decode(bytes: Uint8Array): string {
  if (bytes.length > 4 * maxEntryPathBytes) invalid("The archive has a name that is too long");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ArchiveRefused(
      "archive-unsafe",
      `The archive has a name that is not UTF-8: ${quote(latin1(bytes))}. Rename it.`,
    );
  }
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function invalid(what: string): never {
  throw new ArchiveRefused("archive-invalid", `${what}.`);
}
