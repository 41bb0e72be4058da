import { describe, expect, it } from "vitest";
import type { ArchiveEntry } from "../../../../agent/contract/archive-rules.ts";
import { TarReader } from "../../../../agent/contract/tar-reader.ts";
import { gnuLong, paxHeader, tarEntry, tarOf, type TarEntry } from "../../../support/tar.ts";

/** What a reader makes of a tar file that comes in pieces of this size. */
function read(bytes: Uint8Array, pieceBytes = 700): (ArchiveEntry & { content?: string })[] {
  const reader = new TarReader();
  const found: (ArchiveEntry & { content?: string })[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    for (const event of reader.push(bytes.subarray(at, at + pieceBytes))) {
      if (event.type === "entry") found.push({ ...event.entry });
      const last = found.at(-1);
      if (event.type === "content" && last !== undefined)
        last.content = (last.content ?? "") + Buffer.from(event.bytes).toString("latin1");
    }
  }
  reader.end();
  return found;
}

const readEntries = (...entries: readonly TarEntry[]) => read(tarOf(...entries));
const file = { name: "app", content: "hello", mode: 0o755 };

describe("TarReader", () => {
  it.each([1, 7, 511, 512, 513, 100_000])("reads files, folders and links, in pieces of %i bytes", (pieceBytes) => {
    const content = "x".repeat(1_500);
    const bytes = tarOf(
      { name: "./", type: "5", mode: 0o755 },
      { name: "./app", content, mode: 0o755 },
      { name: "./same", type: "1", target: "./app" },
      { name: "./link", type: "2", target: "app", mode: 0o777 },
      { name: "./empty" },
    );
    expect(read(bytes, pieceBytes)).toStrictEqual([
      { kind: "folder", name: "./", mode: 0o755, sizeBytes: 0 },
      { kind: "file", name: "./app", mode: 0o755, sizeBytes: 1_500, content },
      { kind: "hardlink", name: "./same", mode: 0o644, sizeBytes: 0, target: "./app" },
      { kind: "symlink", name: "./link", mode: 0o777, sizeBytes: 0, target: "app" },
      { kind: "file", name: "./empty", mode: 0o644, sizeBytes: 0 },
    ]);
  });

  it.each<[string, TarEntry[], Partial<ArchiveEntry>]>([
    ["a prefix", [{ ...file, prefix: "a/b" }], { name: "a/b/app" }],
    ["GNU's format, whose prefix is something else", [{ ...file, format: "gnu", prefix: "1234" }], { name: "app" }],
    ["a long name of GNU", [gnuLong("L", "n".repeat(300)), file], { name: "n".repeat(300) }],
    [
      "a long name of POSIX",
      [paxHeader({ path: "ü/".repeat(100) + "x", mtime: "1.5" }), file],
      { name: "ü/".repeat(100) + "x" },
    ],
    ["comments for all", [paxHeader({ comment: "0f3a" }, "g"), file], { name: "app" }],
    ["a size of POSIX", [paxHeader({ size: "5" }), { ...file, size: 0 }], { sizeBytes: 5 }],
    ["a binary size", [{ ...file, size: Buffer.from("800000000000000000000005", "hex") }], { sizeBytes: 5 }],
    ["the type 0 of old", [{ ...file, type: "\0" }], { kind: "file" }],
    ["a name in Latin-1 in its owner's name", [paxHeader({ uname: Buffer.from([0xe4]) }), file], { name: "app" }],
  ])("reads %s", (_what, entries, expected) => {
    expect(readEntries(...entries)).toMatchObject([{ ...expected, content: "hello" }]);
  });

  it("reads long targets of links", () => {
    const target = "t".repeat(200);
    const entries = readEntries(
      gnuLong("K", target),
      gnuLong("L", "long"),
      { name: "cut", type: "2", format: "gnu" },
      paxHeader({ linkpath: target }),
      { name: "two", type: "2" },
    );
    expect(entries).toMatchObject([
      { name: "long", target },
      { name: "two", target },
    ]);
  });

  it("takes zeros behind the end, as tar fills its last block", () => {
    expect(read(Buffer.concat([tarOf(file), Buffer.alloc(8_192)]))).toHaveLength(1);
  });

  const bytes20 = (first: number) => Buffer.from([first, ...Array.from({ length: 11 }, () => 0xff)]);
  it.each<[string, Uint8Array, string]>([
    ["nothing", Buffer.alloc(0), "cut off"],
    ["no end", tarEntry(file), "cut off"],
    ["half an end", Buffer.concat([tarEntry(file), Buffer.alloc(512)]), "cut off"],
    ["an end that is cut off", tarOf(file).subarray(0, -1), "cut off"],
    ["content that is cut off", tarEntry(file).subarray(0, 514), "cut off"],
    ["an entry behind the end", Buffer.concat([tarOf(file), tarOf(file)]), "follows the end"],
    ["an entry behind half an end", Buffer.concat([tarEntry(file), Buffer.alloc(512), tarOf(file)]), "follows the end"],
    ["garbage behind the end", Buffer.concat([tarOf(file), Buffer.alloc(512, 1)]), "follows the end"],
    ["a wrong checksum", tarOf({ ...file, checksumError: 1 }), "checksum"],
    ["an unknown format", tarOf({ ...file, format: "v7" }), "no tar archive"],
    ["a page", Buffer.from("<!doctype html>".padEnd(1_024)), "no tar archive"],
    ["a negative size", tarOf({ ...file, size: bytes20(0xff) }), "negative or too large"],
    ["a huge size", tarOf({ ...file, size: bytes20(0x80) }), "negative or too large"],
    ["a size that is no number", tarOf({ ...file, size: Buffer.from("0x10") }), "cannot be read"],
    ["a size with a sign", tarOf({ ...file, size: Buffer.from("-0000000005\0") }), "cannot be read"],
    ["a size in two parts", tarOf({ ...file, size: Buffer.from("5 0 0\0") }), "cannot be read"],
    ["a name with a zero in it", tarOf({ ...file, name: "a\0b" }), "zero in it"],
    ["no name", tarOf({ ...file, name: "" }), "without a name"],
    ["a folder with content", tarOf({ ...file, type: "5" }), "has content"],
    ["a link with content", tarOf({ ...file, type: "2", target: "x" }), "has content"],
    ["a file with a target", tarOf({ ...file, target: "x" }), "target of a link"],
    ["an unknown type", tarOf({ ...file, content: "", type: "Z" }), "unknown type"],
    ["padding that is not zero", tarOf({ ...file, padding: 7 }), "padding"],
    ["a long name that is too long", tarOf(gnuLong("L", "n".repeat(5_000)), file), "too long"],
    ["a long name without an end", tarOf({ name: "x", type: "L", content: "abc" }, file), "cut off"],
    ["a long name with a zero in it", tarOf(gnuLong("L", "a\0b"), file), "cut off"],
    ["an empty long name", tarOf(gnuLong("L", ""), file), "empty"],
    [
      "a huge long name",
      tarOf({ name: "x", type: "L", content: "n".repeat(20_000) }, file),
      "extended header of 20000",
    ],
    ["an empty extended header", tarOf({ name: "x", type: "x" }, file), "extended header of 0"],
    ["two long names", tarOf(gnuLong("L", "a"), gnuLong("L", "b"), file), "two long values"],
    [
      "two long names, one of them of POSIX",
      tarOf(gnuLong("L", "a"), paxHeader({ path: "b" }), file),
      "two long values",
    ],
    ["an extended header for nothing", tarOf(file, paxHeader({ path: "b" })), "belongs to nothing"],
    ["a path twice", tarOf({ name: "x", type: "x", content: "8 path=a\n9 path=bc\n" }, file), "damaged"],
  ])("refuses %s as invalid", (_what, bytes, why) => {
    expect(() => read(bytes)).toThrow(
      expect.objectContaining({ code: "archive-invalid", message: expect.stringContaining(why) }),
    );
  });

  it.each<[string, TarEntry[], string]>([
    ["a character device", [{ name: "x", type: "3" }], "character device"],
    ["a block device", [{ name: "x", type: "4" }], "block device"],
    ["a named pipe", [{ name: "x", type: "6" }], "named pipe"],
    ["a socket", [{ name: "x", type: "s" }], "socket"],
    ["a contiguous file", [{ name: "x", type: "7" }], "contiguous"],
    ["a sparse file of GNU", [{ name: "x", type: "S", format: "gnu" }], "sparse"],
    ["a file that continues", [{ name: "x", type: "M", format: "gnu" }], "began in another"],
    ["a sparse file of POSIX", [paxHeader({ "GNU.sparse.major": "1" }), file], "sparse"],
    [
      "an attribute with capabilities",
      [paxHeader({ "SCHILY.xattr.security.capability": "x" }), file],
      "security.capability",
    ],
    ["an unknown key", [paxHeader({ "ACME.size": "1" }), file], "ACME.size"],
    ["another character set", [paxHeader({ hdrcharset: "BINARY" }), file], "hdrcharset"],
    ["a path for all", [paxHeader({ path: "x" }, "g"), file], "all entries"],
    ["a size for all", [paxHeader({ size: "1" }, "g"), file], "all entries"],
    ["a name that is not UTF-8", [{ ...file, name: Buffer.from([0x61, 0xff]) }], "not UTF-8"],
    ["a long name that is not UTF-8", [gnuLong("L", Buffer.from([0x61, 0xff])), file], "not UTF-8"],
    ["a name that writes / in two bytes", [{ ...file, name: Buffer.from([0x61, 0xc0, 0xaf]) }], "not UTF-8"],
    ["a path of POSIX that is not UTF-8", [paxHeader({ path: Buffer.from([0xff]) }), file], "not UTF-8"],
  ])("refuses %s as unsafe", (_what, entries, why) => {
    expect(() => readEntries(...entries)).toThrow(
      expect.objectContaining({ code: "archive-unsafe", message: expect.stringContaining(why) }),
    );
  });
});
