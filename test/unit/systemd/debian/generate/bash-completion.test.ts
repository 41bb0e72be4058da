import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { commands } from "../../../../../agent/cli/arguments.ts";
import { bashCompletion } from "../../../../../systemd/debian/generate/bash-completion.ts";

const complete = (...words: string[]): string[] => {
  const script = `${bashCompletion()}
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _boardkeeper_agent; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const output = execFileSync("bash", ["-c", script, "bash", "boardkeeper-agent", ...words], { encoding: "utf8" });
  return output.split("\n").filter((word) => word !== "");
};

it.each([
  { words: ["do"], offers: ["doctor"] },
  { words: ["provision", "--"], offers: ["--ca-file", "--trust", "--fingerprint", "--yes", "--no-start", "--help"] },
  { words: ["help", "st"], offers: ["status"] },
  { words: ["install", "READ"], offers: ["README.md"] },
  { words: ["install", "--sha256", ""], offers: [] },
  { words: ["run", "--config", "pack"], offers: ["package-lock.json", "package.json"] },
  { words: ["run", "--state-dir", "syst"], offers: ["systemd"] },
  { words: ["nonsense", ""], offers: [] },
])("offers $offers after $words", ({ words, offers }) => {
  expect(complete(...words).toSorted()).toEqual(offers.toSorted());
});

it("offers every command first", () => {
  expect(complete("")).toEqual(expect.arrayContaining(Object.keys(commands)));
});
