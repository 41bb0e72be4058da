/* Builds tar files, good ones and bad ones: each field of a header can be set to anything. */

export interface TarEntry {
  readonly name: string | Uint8Array;
  /** The type flag; "0", a file, unless given. */
  readonly type?: string;
  readonly content?: string | Uint8Array;
  readonly target?: string | Uint8Array;
  readonly mode?: number;
  /** The size in the header, where it differs from the content's. */
  readonly size?: number | Uint8Array;
  /** POSIX's format unless given. */
  readonly format?: "posix" | "gnu" | "v7";
  readonly prefix?: string;
  /** Added to the right checksum. */
  readonly checksumError?: number;
  /** In place of zeros behind the content. */
  readonly padding?: number;
}

/** The end of a tar file. */
export const tarEnd = Buffer.alloc(1_024);

/** A whole tar file. */
export function tarOf(...entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.map(tarEntry), tarEnd]);
}

/** Header and content of one entry. */
export function tarEntry(entry: TarEntry): Buffer {
  const { name, type = "0", content = "", target = "", mode = 0o644, format = "posix", prefix = "" } = entry;
  const body = Buffer.from(content);
  const { size = body.length, checksumError = 0, padding = 0 } = entry;
  const header = Buffer.alloc(512);
  Buffer.from(name).copy(header, 0, 0, 100);
  header.write(`${mode.toString(8).padStart(7, "0")}\0`, 100, "latin1");
  header.write("0001750\0", 108, "latin1");
  header.write("0001750\0", 116, "latin1");
  if (typeof size === "number") header.write(`${size.toString(8).padStart(11, "0")}\0`, 124, "latin1");
  else Buffer.from(size).copy(header, 124, 0, 12);
  header.write("14000000000\0", 136, "latin1");
  header.write(type, 156, "latin1");
  Buffer.from(target).copy(header, 157, 0, 100);
  header.write({ posix: "ustar\x0000", gnu: "ustar  \0", v7: "" }[format], 257, "latin1");
  header.write(prefix, 345, "latin1");
  header.fill(" ", 148, 156);
  const sum = header.reduce((total, byte) => total + byte, checksumError);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512, padding)]);
}

/** An extended header of POSIX's format, for the entry that follows; or with "g", for all that follow. */
export function paxHeader(values: Readonly<Record<string, string | Uint8Array>>, type: "x" | "g" = "x"): TarEntry {
  const records = Object.entries(values).map(([key, value]) => {
    const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from("\n")]);
    let length = rest.length + 1;
    while (String(length).length + rest.length !== length) length += 1;
    return Buffer.concat([Buffer.from(String(length)), rest]);
  });
  return { name: "./PaxHeaders/entry", type, content: Buffer.concat(records) };
}

/** A long name ("L") or a link's long target ("K"), as GNU tar writes them. */
export function gnuLong(type: "L" | "K", text: string | Uint8Array): TarEntry {
  return { name: "././@LongLink", type, format: "gnu", content: Buffer.concat([Buffer.from(text), Buffer.alloc(1)]) };
}
