import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { commands, options } from "../../agent/cli/arguments.ts";

const reference = readFileSync("docs/agent-cli.md", "utf8");

it("has a section for each command, and no other", () => {
  const sections = [...reference.matchAll(/^## (\S+)$/gm)].map(([, name]) => name);
  expect(sections).toEqual(Object.keys(commands));
});

it("names every option", () => {
  expect(Object.keys(options).filter((name) => !reference.includes(`--${name}`))).toEqual([]);
});
