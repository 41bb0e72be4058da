import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import {
  downloadErrors,
  foreignWords,
  imageChanged,
  installerErrors,
  versionUnknown,
} from "../fixtures/ends/injected-errors.ts";
import { refusalsAtOnce, searchErrors } from "../fixtures/ends/trust-errors.ts";
import { filesIn } from "./sources.ts";

/** Stands for `${…}` of a template, or `$name` of a shell script: a name, a number, a path, or a word that the code chooses. */
const anyValue = "[^]{1,160}?";

/** The texts of the agent's code, as patterns: those with at least 12 characters beside the values in them. */
function textPatterns(): RegExp[] {
  const code = [...filesIn("agent"), "systemd/libexec/install-helper"]
    .map((file) => readFileSync(file, "utf8"))
    .join("\n");
  const strings = [...code.matchAll(/"((?:[^"\\\n]|\\.)*)"/g)].map(([, text = ""]) => text.split(/\$[a-z_]+/));
  const templates = [...code.matchAll(/`((?:[^`\\\n]|\\.)*)`/g)].map(([, text = ""]) =>
    text.split(/\$\{(?:[^{}]|\{[^{}]*\})*\}/),
  );
  return [...strings, ...templates]
    .filter((parts) => parts.join("").length >= 12)
    .map(
      (parts) =>
        new RegExp(parts.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)).join(anyValue), "g"),
    );
}

const patterns = textPatterns();

/** The pieces of a message that no text of the code has; values within belong to the text around them. */
function unsaid(message: string): string[] {
  const isSaid = Array.from(message, () => false);
  for (const pattern of patterns)
    for (const { index, 0: found } of message.matchAll(pattern)) isSaid.fill(true, index, index + found.length);
  const marked = Array.from(message, (character, at) => (isSaid[at] === true ? "\n" : character)).join("");
  return marked
    .split(/\n+/)
    .filter((piece) => /[a-z]{2}/i.test(piece) && !foreignWords.some((words) => words.includes(piece.trim())));
}

it("knows a text that the code does not have", () => {
  expect(
    unsaid(
      "The staged image is gone. Request the update again; if it recurs, replace the storage. Ask your neighbour.",
    ),
  ).toStrictEqual([" Ask your neighbour."]);
});

it.each([...downloadErrors, ...installerErrors, ...searchErrors, ...refusalsAtOnce, imageChanged, versionUnknown])(
  "the page of ends has %s in the words of the agent",
  (_code, message) => {
    expect(unsaid(message)).toStrictEqual([]);
  },
);
