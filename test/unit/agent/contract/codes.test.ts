import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { errorCodes } from "../../../../agent/contract/codes.ts";

it("are those that docs/errors.md explains, word for word", () => {
  const rows = [...readFileSync("docs/errors.md", "utf8").matchAll(/^\| `([a-z-]+)` \| (.*) \|$/gm)];
  expect(Object.fromEntries(rows.map(([, code, remedy]) => [code, remedy]))).toStrictEqual(errorCodes);
});
