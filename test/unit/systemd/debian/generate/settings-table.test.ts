import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { withSettingsTable } from "../../../../../systemd/debian/generate/settings-table.ts";

it("is what docs/configuration.md shows; if this fails, run scripts/generate-docs", () => {
  const markdown = readFileSync("docs/configuration.md", "utf8");
  expect(markdown).toBe(withSettingsTable(markdown));
});

it("asks for the markers where they are missing", () => {
  expect(() => withSettingsTable("# Configuration\n")).toThrow("the markers around the table are missing");
});
