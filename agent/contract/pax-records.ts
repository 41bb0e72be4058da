import { ArchiveRefused, quote } from "./archive-rules.ts";

/*
 * The extended header of POSIX's archives (pax): records "LENGTH KEY=VALUE\n". What describes how a file came to be is passed over;
 * what would make a release another one than its names, sizes and contents say is refused.
 */

/** Times and owners: a release belongs to root. A packer's own notes. */
const passedOver =
  /^(?:[amc]time|[ug]id|[ug]name|comment|LIBARCHIVE\..+|MSWINDOWS\..+|RHT\..+|SCHILY\.(?:dev|ino|nlink|fflags|acl\..+))$/;

/** The keys of an entry that count. */
interface PaxValues {
  name?: string;
  target?: string;
  sizeBytes?: number;
}

/**
 * @param scope of a header for one entry; or for all of the archive that follows: such a one may hold comments alone
 * @throws ArchiveRefused
 */
export function parsePaxRecords(bytes: Uint8Array, scope: "entry" | "archive"): PaxValues {
  const values: PaxValues = {};
  const seen = new Set<string>();
  for (let at = 0; at < bytes.length;) {
    const record = recordAt(bytes, at);
    at += record.lengthBytes;
    const { key, value } = record;
    if (seen.has(key)) invalid(`has ${quote(key)} twice`);
    seen.add(key);
    if (scope === "archive" && key !== "comment")
      unsafe(`sets ${quote(key)} for all entries that follow. Pack without global headers`);
    if (key === "path") values.name = nonEmpty(key, value);
    else if (key === "linkpath") values.target = nonEmpty(key, value);
    else if (key === "size") values.sizeBytes = sizeOf(value);
    else if (key === "hdrcharset" || key === "charset") unsafe(`sets ${quote(key)}: names are UTF-8`);
    else if (key.startsWith("GNU.sparse.")) unsafe("describes a sparse file. Pack without --sparse");
    else if (key.startsWith("SCHILY.xattr."))
      unsafe(
        `has the extended attribute ${quote(key.slice(13))}, which a release does not keep. Pack without --xattrs`,
      );
    else if (!passedOver.test(key)) unsafe(`has the unknown key ${quote(key)}`);
  }
  return values;
}

function recordAt(bytes: Uint8Array, at: number): { lengthBytes: number; key: string; value: string } {
  const [, digits = ""] = /^([1-9]\d{0,4}) /.exec(String.fromCharCode(...bytes.subarray(at, at + 6))) ?? [];
  const lengthBytes = Number(digits);
  const record = bytes.subarray(at + digits.length + 1, at + lengthBytes);
  const equals = record.indexOf(0x3d);
  if (digits === "" || at + lengthBytes > bytes.length || equals < 1 || record.at(-1) !== 0x0a) invalid("is damaged");
  const key = decode(record.subarray(0, equals));
  // Values of keys that are passed over may be of any bytes.
  const value = passedOver.test(key) ? "" : decode(record.subarray(equals + 1, -1));
  return { lengthBytes, key, value };
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return unsafe("has text that is not UTF-8");
  }
}

function nonEmpty(key: string, value: string): string {
  // A zero ends the name for some readers, and for the system.
  if (value === "" || value.includes("\0")) invalid(`has an empty ${quote(key)}, or one with a zero in it`);
  return value;
}

function sizeOf(value: string): number {
  const size = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(size)) invalid("has a size that is negative, too large or no number");
  return size;
}

function invalid(what: string): never {
  throw new ArchiveRefused("archive-invalid", `An extended header of the archive ${what}.`);
}

function unsafe(what: string): never {
  throw new ArchiveRefused("archive-unsafe", `An extended header of the archive ${what}.`);
}
