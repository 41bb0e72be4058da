import { expect, it } from "vitest";
import { commands, options } from "../../../../../agent/cli/arguments.ts";
import { manPage } from "../../../../../systemd/debian/generate/man-page.ts";

const page = manPage("1.2.3", "2026-11-21");

it("explains every command and every option", () => {
  for (const name of Object.keys(commands)) expect(page).toContain(`.SS ${name.replaceAll("-", "\\-")}\n`);
  const flags = Object.keys(options).filter((name) => name !== "version");
  for (const name of flags) expect(page).toContain(`\\fB\\-\\-${name.replaceAll("-", "\\-")}\\fR`);
});

it("has no line that roff takes for a request that does not exist", () => {
  const known = /^\.(TH|SH|SS|TP|PP|B|BR|I|br|nf|fi|RS|RE)\b/;
  expect(page.split("\n").filter((line) => /^[.']/.test(line) && !known.test(line))).toEqual([]);
});
