import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { errorCodes, keepsDownloadedBytes } from "../../../../agent/contract/codes.ts";

it("are those that docs/errors.md explains, word for word", () => {
  const rows = [...readFileSync("docs/errors.md", "utf8").matchAll(/^\| `([a-z-]+)` \| (.*) \|$/gm)];
  expect(Object.fromEntries(rows.map(([, code, remedy]) => [code, remedy]))).toStrictEqual(errorCodes);
});

const kept = new Set([
  "bad-address",
  "http-status",
  "insecure-address",
  "insecure-redirect",
  "interrupted-too-often",
  "too-many-redirects",
  "unreachable",
]);
it.each([...Object.keys(errorCodes), "a-code-of-another-release"])("%s: whether what has arrived is kept", (code) => {
  expect(keepsDownloadedBytes(code)).toBe(kept.has(code));
});
