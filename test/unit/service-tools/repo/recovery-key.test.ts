import { describe, expect, it } from "vitest";
import { newSeed } from "../../../../service-tools/repo/keys.ts";
import { formatRecoveryKey, parseRecoveryKey } from "../../../../service-tools/repo/recovery-key.ts";

const seed = Buffer.from("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "hex");
const text = formatRecoveryKey(seed);

describe("a recovery key", () => {
  it("is two lines of seven groups of four characters, always the same for the same key", () => {
    expect(text).toMatch(
      /^(?:[0-9A-HJKMNP-TV-Z]{4}-){6}[0-9A-HJKMNP-TV-Z]{4}\n(?:[0-9A-HJKMNP-TV-Z]{4}-){6}[0-9A-HJKMNP-TV-Z]{4}$/,
    );
  });

  it("is read back, whatever it is", () => {
    for (let index = 0; index < 200; index += 1) {
      const one = newSeed();
      const read = parseRecoveryKey(formatRecoveryKey(one));
      expect(read.ok && Buffer.from(read.seed).equals(one)).toBe(true);
    }
  });

  it.each<[string, (key: string) => string]>([
    ["in small letters", (key) => key.toLowerCase()],
    ["without dashes", (key) => key.replaceAll("-", "")],
    ["with spaces for dashes, on one line", (key) => key.replaceAll(/[-\n]/g, " ")],
    ["with O for 0 and I or l for 1", (key) => key.replaceAll("0", "O").replaceAll("1", "l")],
    ["with spaces around it", (key) => `  ${key}\n\n`],
  ])("may be typed %s", (_how, typed) => {
    const read = parseRecoveryKey(typed(text));
    expect(read.ok && Buffer.from(read.seed).toString("hex")).toBe(seed.toString("hex"));
  });

  it.each<[string, (key: string) => string, string]>([
    [
      "a wrong character in the first line",
      (key) => key.replace(/^.../, "ZZZ"),
      "there is a mistake in its first line",
    ],
    [
      "a wrong character in the second line",
      (key) => key.replace(/.$/, (last) => (last === "A" ? "B" : "A")),
      "there is a mistake in its second line",
    ],
    [
      "the lines in the other order",
      (key) => key.split("\n").reverse().join("\n"),
      "there is a mistake in its first line",
    ],
    [
      "a line alone",
      (key) => key.split("\n")[0] ?? "",
      "it has 28 characters without the dashes, and a recovery key has 56",
    ],
    [
      "a U",
      (key) => key.replace(/^./, "U"),
      "it has a character that no recovery key has; a key has digits and letters, but no U",
    ],
    ["nothing", () => "", "it has 0 characters without the dashes, and a recovery key has 56"],
  ])("is refused with %s", (_what, typed, problem) => {
    expect(parseRecoveryKey(typed(text))).toStrictEqual({ ok: false, problem });
  });

  it("finds nearly every exchange of two neighbours", () => {
    const characters = text.replaceAll(/[-\n]/g, "");
    const exchanged = Array.from({ length: characters.length - 1 }, (_, at) => {
      const [a = "", b = ""] = [characters[at], characters[at + 1]];
      return `${characters.slice(0, at)}${b}${a}${characters.slice(at + 2)}`;
    }).filter((one) => one !== characters);
    expect(exchanged.filter((one) => parseRecoveryKey(one).ok)).toStrictEqual([]);
  });
});
