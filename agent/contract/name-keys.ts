/*
 * Which names are taken for the same, by a file system without capitals or by a person who reads them in a list.
 */

/** Latin letters, and those of other alphabets that usual fonts draw alike, in the same order. As code points: nobody could see which is which. */
const drawnAlike: readonly (readonly [string, string])[] = [
  // Cyrillic: capitals, then small letters.
  [
    "ABEIJKMHOPCTYXSYVGQWI",
    "\u0410\u0412\u0415\u0406\u0408\u041A\u041C\u041D\u041E\u0420\u0421\u0422\u0423\u0425\u0405\u04AE\u0474\u050C\u051A\u051C\u04C0",
  ],
  [
    "aeijopcyxsyvdqwhl",
    "\u0430\u0435\u0456\u0458\u043E\u0440\u0441\u0443\u0445\u0455\u04AF\u0475\u0501\u051B\u051D\u04BB\u04CF",
  ],
  // Greek: capitals, then small letters.
  ["ABEZHIKMNOPTYXJ", "\u0391\u0392\u0395\u0396\u0397\u0399\u039A\u039C\u039D\u039F\u03A1\u03A4\u03A5\u03A7\u037F"],
  ["aikvopuyj", "\u03B1\u03B9\u03BA\u03BD\u03BF\u03C1\u03C5\u03B3\u03F3"],
];

const latinOf = new Map(
  drawnAlike.flatMap(([latin, others]) => Array.from(others, (other, at) => [other, latin.charAt(at)] as const)),
);

/**
 * The keys of a name or path: names that share one must not lie beside each other. The first is without capitals and notation (NFKC).
 * Where Greek or Cyrillic letters pass for Latin ones, the second is what is seen: they differ by case, as the capital of "\u03BD" looks
 * like N and the small letter like v.
 */
export function keysOf(name: string): readonly [string, ...string[]] {
  // Almost all names.
  if (/^[ -~]*$/.test(name)) return [name.toLowerCase()];
  const key = foldCase(name);
  const seen = name.normalize("NFKD").replaceAll(/[^ -~]/gu, (letter) => latinOf.get(letter) ?? letter);
  const shown = foldCase(seen);
  return key === shown ? [key] : [key, shown];
}

function foldCase(name: string): string {
  return name.normalize("NFKC").toUpperCase().toLowerCase().normalize("NFKC");
}
