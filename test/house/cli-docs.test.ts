import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { errorCodes, exitCodes } from "../../service-tools/cli/exit-codes.ts";
import { buildProgram } from "../../service-tools/program.ts";
import { FakeContext } from "../support/fake-context.ts";

const reference = readFileSync("docs/cli.md", "utf8");
const program = buildProgram(new FakeContext(), () => Promise.resolve(exitCodes.ok));

/** The table of exit codes as docs/cli.md has it: each code with its error codes. */
function documented(): Map<number, string[]> {
  const rows = reference.matchAll(/^\| (\d+) \| [^|]+ \|([^|]*)\|$/gm);
  return new Map(
    [...rows].map(([, code, errors = ""]) => [
      Number(code),
      [...errors.matchAll(/`([\w-]+)`/g)].map(([, one = ""]) => one),
    ]),
  );
}

/** The commands that docs/cli.md is about; those of the local hub have a document of their own. */
function ownCommands(): Command[] {
  const own = program.commands.filter((command) => !["hub", "image"].includes(command.name()));
  const below = own.flatMap(({ commands }) => commands);
  return [...own, ...below].filter((command) => command.name() !== "help");
}

describe("docs/cli.md", () => {
  it("lists every exit code, and no other", () => {
    expect([...documented().keys()].sort((a, b) => a - b)).toEqual(Object.values(exitCodes).sort((a, b) => a - b));
  });

  it("lists every error code beside its exit code", () => {
    const fromDocument = [...documented()].flatMap(([exitCode, errors]) => errors.map((error) => [error, exitCode]));
    expect(Object.fromEntries(fromDocument)).toEqual(errorCodes);
  });

  it("has a section and an example for every command", () => {
    const sections = new Map(reference.split(/^### /m).map((section) => [section.split("\n")[0], section]));
    const missing = program.commands
      .map((command) => command.name())
      .filter((name) => !["hub", "image", "help"].includes(name))
      .filter((name) => !sections.get(name)?.includes(`$ boardkeeper ${name}`));
    expect(missing).toEqual([]);
  });

  it("names every option", () => {
    const options = ownCommands().flatMap((command) => command.options.map((option) => option.long ?? option.flags));
    expect([...new Set(options)].filter((option) => !reference.includes(option))).toEqual([]);
  });

  it("names no command that there is not", () => {
    const named = [...reference.matchAll(/^\$ boardkeeper (\w+)/gm)].map(([, name]) => name);
    const known = new Set(program.commands.map((command) => command.name()));
    expect(named.filter((name) => name === undefined || !known.has(name))).toEqual([]);
  });
});
