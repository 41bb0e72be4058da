import { describe, expect, it } from "vitest";
import { keysOf } from "../../../../agent/contract/name-keys.ts";

function share(one: string, other: string): boolean {
  const keys = keysOf(one);
  return keysOf(other).some((key) => keys.includes(key));
}

describe("the keys of a name", () => {
  it.each([
    ["capitals", "Readme", "README"],
    ["the notation of an accent", "\u00FC", "u\u0308"],
    ["capitals and notation", "\u00DC", "u\u0308"],
    ["a ligature", "\uFB01x", "fix"],
    ["sharp s", "stra\u00DFe", "STRASSE"],
    ["one Cyrillic letter", "app", "\u0430pp"],
    ["Cyrillic letters from end to end", "copy", "\u0441\u043E\u0440\u0443"],
    ["a Cyrillic letter with an accent", "\u00EB", "\u0451"],
    ["a Cyrillic letter, and capitals", "APP", "\u0430pp"],
    ["a Greek capital", "Node", "\u039Dode"],
    ["a Greek small letter", "vode", "\u03BDode"],
    ["a Greek letter, and its capital", "\u03BDode", "\u039Dode"],
    ["a Greek letter beside a Cyrillic one", "\u03BFs", "\u043Es"],
  ])("are shared where names differ in %s alone", (_what, one, other) => {
    expect(share(one, other)).toBe(true);
  });

  it.each([
    ["accents", "r\u00E9sum\u00E9", "resume"],
    ["digits that look like letters", "l0", "1O"],
    ["letters", "vode", "node"],
    ["Cyrillic letters that look like no Latin ones", "\u0431", "6"],
    ["a Greek letter that looks like none", "\u0394T", "DT"],
    ["an ending space", "app", "app "],
  ])("are not shared where names differ in %s", (_what, one, other) => {
    expect(share(one, other)).toBe(false);
  });

  it("are one for a name that no other alphabet can spell", () => {
    expect(keysOf("App.conf")).toStrictEqual(["app.conf"]);
    expect(keysOf("\u00DC")).toStrictEqual(["\u00FC"]);
    expect(keysOf("\u0430pp")).toStrictEqual(["\u0430pp", "app"]);
  });
});
