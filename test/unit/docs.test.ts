import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { settings } from "../../agent/settings.ts";

it("docs/configuration.md explains every setting there is, and no other", () => {
  const rows = readFileSync("docs/configuration.md", "utf8").matchAll(/^\| `([a-z.-]+\.[a-z-]+)` \|/gm);
  expect([...rows].map(([, name]) => name)).toStrictEqual(Object.keys(settings));
});
