import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { readCheckValue } from "../../../../agent/contract/check-value.ts";

const sum = createHash("sha256").update("an image").digest();
const hex = sum.toString("hex");
const base64 = sum.toString("base64");
const of = (algorithm: string, encoding: "hex" | "base64"): string =>
  createHash(algorithm).update("an image").digest(encoding);

it.each<[what: string, sent: string]>([
  ["64 hex digits", hex],
  ["in capitals", hex.toUpperCase()],
  ["sha256: in front", `sha256:${hex}`],
  ["SHA256: in front", `SHA256:${hex.toUpperCase()}`],
  ["sha256- in front of hex", `sha256-${hex}`],
  ["sha-256: and a blank in front", `sha-256: ${hex}`],
  ["sha256= in front", `sha256=${hex}`],
  ["0x in front", `0x${hex}`],
  ["a line feed behind", `${hex}\n`],
  ["white space around", ` \t${hex}\r\n`],
  ["a line of sha256sum", `${hex}  board.img\n`],
  ["a line of sha256sum --binary", `${hex} *board.img`],
  ["a line of sha256sum of an odd name", `\\${hex}  board\\\\1.img`],
  ["a line of sha256sum --tag", `SHA256 (board.img) = ${hex}`],
  ["a line of openssl dgst", `SHA2-256(board (1).img)= ${hex}`],
  ["bytes with colons", hex.match(/../g)?.join(":") ?? ""],
  ["bytes with blanks", hex.match(/../g)?.join(" ") ?? ""],
  ["base64", base64],
  ["base64 without padding", base64.replace("=", "")],
  ["base64 for URLs", sum.toString("base64url")],
  ["base64 with sha256- in front", `sha256-${base64}`],
  ["base64 with sha256: in front", `sha256:${base64.replace("=", "")}`],
])("reads %s", (_what, sent) => {
  expect(readCheckValue(sent)).toStrictEqual({ kind: "sha256", hex });
});

it("reads base64 with the letters of URLs", () => {
  const bytes = Buffer.alloc(32, 0xfb);
  expect(readCheckValue(bytes.toString("base64url"))).toStrictEqual({ kind: "sha256", hex: "fb".repeat(32) });
  expect(readCheckValue(bytes.toString("base64"))).toStrictEqual({ kind: "sha256", hex: "fb".repeat(32) });
});

it.each<[sent: string, name: string]>([
  [of("md5", "hex"), "an MD5 in hex"],
  [`${of("md5", "hex")}  board.img`, "an MD5 in hex"],
  [of("sha1", "hex"), "a SHA-1 in hex"],
  [of("sha224", "hex"), "a SHA-224 in hex"],
  [of("sha384", "hex"), "a SHA-384 in hex"],
  [of("sha512", "hex"), "a SHA-512 in hex"],
  [of("md5", "base64"), "an MD5 in base64"],
  [of("sha1", "base64"), "a SHA-1 in base64"],
  [of("sha512", "base64"), "a SHA-512 in base64"],
  [`md5:${hex}`, "a digest of the kind md5"],
  [`sha512-${of("sha512", "base64")}`, "a digest of the kind sha512"],
  [`SHA512 (board.img) = ${of("sha512", "hex")}`, "a digest of the kind SHA512"],
  [`sha3-256:${hex}`, "a digest of the kind sha3-256"],
  [`crc32:cbf43926`, "a digest of the kind crc32"],
  [hex.slice(1), "63 hex digits"],
  [`${hex}0`, "65 hex digits"],
  [hex.slice(8), "a SHA-224 in hex"],
  [hex.slice(7), "57 hex digits"],
  [`${hex}${hex}0`, "129 hex digits"],
  [`O${hex.slice(1)}`, "64 characters, 1 of them no hex digits"],
  [`sha256:${hex.slice(2)}`, "62 hex digits"],
  ["sha256:abc", "3 characters that are no SHA-256 in hex or base64"],
  ["sha256:the-image", "9 characters that are no SHA-256 in hex or base64"],
])("names %s", (sent, name) => {
  expect(readCheckValue(sent)).toStrictEqual({ kind: "otherNotation", name });
});

it.each([
  undefined,
  "",
  "  ",
  "123456abcde",
  "none",
  "sha256",
  "test.com",
  "AAAA",
  "AAA=",
  hex.slice(9),
  // As long as a SHA-256 in base64, but with bits left over, which no tool writes.
  `${"z".repeat(42)}z`,
])("%j is no digest", (sent) => {
  expect(readCheckValue(sent)).toStrictEqual({ kind: "none" });
});
