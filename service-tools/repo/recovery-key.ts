import { createHash } from "node:crypto";
import { seedBytes } from "./keys.ts";

/*
 * How a recovery key is printed and typed: two lines of seven groups of four characters. The alphabet has no I, L, O and U
 * (Crockford's Base32), and each line ends with a checksum of its own, so that a mistake is found in its line.
 */

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const lines = 2;
const bytesPerLine = seedBytes / lines;
/** 128 bits of the key and 12 of its checksum are 28 characters of 5 bits. */
const charactersPerLine = 28;
const groupLength = 4;

/** The seed of a recovery key as text, in two lines. A secret. */
export function formatRecoveryKey(seed: Uint8Array): string {
  return Array.from({ length: lines }, (_, index) => {
    const part = seed.subarray(index * bytesPerLine, (index + 1) * bytesPerLine);
    const value = (toNumber(part) << 12n) | checksum(index, part);
    const characters = Array.from({ length: charactersPerLine }, (_unused, at) => {
      const shift = BigInt(5 * (charactersPerLine - 1 - at));
      return alphabet[Number((value >> shift) & 31n)] ?? "";
    }).join("");
    return (characters.match(new RegExp(`.{${groupLength}}`, "g")) ?? []).join("-");
  }).join("\n");
}

export type ParsedRecoveryKey =
  | { readonly ok: true; readonly seed: Uint8Array }
  | { readonly ok: false; readonly problem: string };

/**
 * Reads a recovery key as a person types it: in any case, with or without spaces, line ends and dashes; O counts as 0, I and L as 1.
 * The problem says which line to look at, and does not repeat what was typed.
 */
export function parseRecoveryKey(text: string): ParsedRecoveryKey {
  const typed = text.toUpperCase().replaceAll(/[\s-]/g, "").replaceAll("O", "0").replaceAll(/[IL]/g, "1");
  if (/[^0-9A-HJKMNP-TV-Z]/.test(typed)) {
    return {
      ok: false,
      problem: "it has a character that no recovery key has; a key has digits and letters, but no U",
    };
  }
  const expected = lines * charactersPerLine;
  if (typed.length !== expected) {
    return {
      ok: false,
      problem: `it has ${typed.length} characters without the dashes, and a recovery key has ${expected}`,
    };
  }
  const parts: Uint8Array[] = [];
  for (let index = 0; index < lines; index += 1) {
    const characters = typed.slice(index * charactersPerLine, (index + 1) * charactersPerLine);
    const value = Array.from(characters).reduce((sum, one) => (sum << 5n) | BigInt(alphabet.indexOf(one)), 0n);
    const part = toBytes(value >> 12n);
    if (checksum(index, part) !== (value & 0xfffn)) {
      return { ok: false, problem: `there is a mistake in its ${index === 0 ? "first" : "second"} line` };
    }
    parts.push(part);
  }
  return { ok: true, seed: Buffer.concat(parts) };
}

function checksum(line: number, part: Uint8Array): bigint {
  const digest = createHash("sha256").update(`boardkeeper recovery key, line ${line}\n`).update(part).digest();
  return BigInt(digest.readUInt16BE(0) >> 4);
}

function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
}

function toBytes(value: bigint): Uint8Array {
  return Buffer.from(value.toString(16).padStart(2 * bytesPerLine, "0"), "hex");
}
