/*
 * The check value of an image: its SHA-256. Tools print one in several notations. Where a notation is unambiguous it is read;
 * a digest of another kind is named, and never taken for a value that asks for a dry run.
 */

export type CheckValue =
  /** 64 hex digits, in lower case. */
  | { readonly kind: "sha256"; readonly hex: string }
  /** A digest, but none that can be used: `name` says which, "an MD5 in hex". */
  | { readonly kind: "otherNotation"; readonly name: string }
  /** No digest: a simulated board does a dry run. */
  | { readonly kind: "none" };

const algorithmName = "md[245]|sha\\d-\\d+|sha-?\\d+|blake\\d[a-z]*|crc-?\\d+|adler-?\\d+|xxh\\d*|etag";
/** `sha256:…`, `sha256-…` (as in web pages), `sha256=…`, `sha-256:…`. */
const prefixed = new RegExp(`^(?<algorithm>${algorithmName}) ?[:=-] ?(?<value>\\S.*)$`, "i");
/** A line of `sha256sum`: the digest, a blank, a blank or an asterisk, and the file. A backslash in front marks an odd file name. */
const sumLine = /^\\?(?<value>[\da-f]{16,}) [ *]?\S.*$/i;
/** A line of `sha256sum --tag`, of `openssl dgst`: the algorithm, the file in parentheses, and the digest. */
const taggedLine = new RegExp(`^(?<algorithm>${algorithmName}) ?\\(.*\\) ?= ?(?<value>\\S+)$`, "i");
/** Two digits at a time, with colons or blanks between them. */
const spelledOut = /^[\da-f]{2}([: ][\da-f]{2}){15,}$/i;

const sha256Bytes = 32;
/** Digests by their length in bytes. */
const digestNames: Readonly<Record<number, string>> = {
  16: "an MD5",
  20: "a SHA-1",
  28: "a SHA-224",
  48: "a SHA-384",
  64: "a SHA-512",
};
/** So far from 64 hex digits, a text is a digest with a slip. */
const slipDigits = 8;

/** Reads a check value as it was sent; undefined stands for none. */
export function readCheckValue(sent: string | undefined): CheckValue {
  const text = (sent ?? "").trim();
  const tagged = taggedLine.exec(text)?.groups ?? prefixed.exec(text)?.groups;
  const value = tagged?.["value"] ?? sumLine.exec(text)?.groups?.["value"] ?? text.replace(/^0x/i, "");
  const algorithm = tagged?.["algorithm"];
  if (algorithm !== undefined && !/^sha(2-|-)?256$/i.test(algorithm))
    return { kind: "otherNotation", name: `a digest of the kind ${algorithm}` };
  const read = readDigest(value, algorithm !== undefined);
  // What is called a SHA-256 is meant to be one.
  return read.kind === "none" && algorithm !== undefined
    ? { kind: "otherNotation", name: `${value.length} characters that are no SHA-256 in hex or base64` }
    : read;
}

function readDigest(value: string, isNamed: boolean): CheckValue {
  const digits = spelledOut.test(value) ? value.replaceAll(/[: ]/g, "") : value;
  if (/^[\da-f]+$/i.test(digits)) return readHex(digits);
  const bytes = base64Bytes(value, isNamed);
  if (bytes === undefined) return readSlip(value);
  if (bytes.length === sha256Bytes) return { kind: "sha256", hex: toHex(bytes) };
  const name = digestNames[bytes.length];
  return name === undefined ? readSlip(value) : { kind: "otherNotation", name: `${name} in base64` };
}

function readHex(digits: string): CheckValue {
  if (digits.length === 2 * sha256Bytes) return { kind: "sha256", hex: digits.toLowerCase() };
  const name = digestNames[digits.length / 2];
  if (name !== undefined) return { kind: "otherNotation", name: `${name} in hex` };
  const isSlip = Math.abs(digits.length - 2 * sha256Bytes) <= slipDigits || digits.length > 2 * sha256Bytes;
  return isSlip ? { kind: "otherNotation", name: `${digits.length} hex digits` } : { kind: "none" };
}

/** A text that is as long as a SHA-256, and has a letter in it that is no hex digit. */
function readSlip(value: string): CheckValue {
  const others = value.replaceAll(/[\da-f]/gi, "").length;
  const isSlip = Math.abs(value.length - 2 * sha256Bytes) <= slipDigits && others <= slipDigits;
  return isSlip
    ? { kind: "otherNotation", name: `${value.length} characters, ${others} of them no hex digits` }
    : { kind: "none" };
}

/** The bytes of a text in base64, in either alphabet; undefined where it is none. Without a name in front it must be padded, or as long as a SHA-256. */
function base64Bytes(text: string, isNamed: boolean): Uint8Array | undefined {
  const [, characters = "", padding = ""] = /^([\w+/-]+)(={0,2})$/.exec(text) ?? [];
  const isWhole = padding === "" ? characters.length % 4 !== 1 : (characters.length + padding.length) % 4 === 0;
  const isRecognizable = isNamed || padding !== "" || characters.length === Math.ceil((sha256Bytes * 4) / 3);
  if (characters === "" || !isWhole || !isRecognizable) return undefined;
  const standard = characters.replaceAll("-", "+").replaceAll("_", "/");
  const bytes = Uint8Array.from(atob(standard), (one) => one.charCodeAt(0));
  const again = btoa(String.fromCharCode(...bytes)).replaceAll("=", "");
  return again === standard ? bytes : undefined; // Else bits are left over: no tool writes that.
}

function toHex(bytes: Uint8Array): string {
  return [...bytes].map((one) => one.toString(16).padStart(2, "0")).join("");
}
