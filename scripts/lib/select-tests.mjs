import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/*
 * Called by scripts/test-one with a pattern. Prints one line each: "yes" or "no" for whether the tests need dist/, the
 * pattern for their names (empty for all tests of the files), then the files.
 */
const [pattern = ""] = process.argv.slice(2);

const files = readdirSync("test", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => join("test", name))
  .sort();

/** Whether this file or a file of test/ that it imports names a program of dist/. */
function needsDist(file, seen = new Set()) {
  if (seen.has(file) || !existsSync(file)) return false;
  seen.add(file);
  const source = readFileSync(file, "utf8");
  if (/["` ]dist\/|"scripts\/chaos"/.test(source)) return true;
  return [...source.matchAll(/from "(\.[^"]+)"/g)]
    .map(([, imported]) => normalize(join(dirname(file), imported)))
    .some((imported) => imported.startsWith("test/") && needsDist(imported, seen));
}

/** Without those that boot machines, unless there are no others. */
function quick(selected) {
  const few = selected.filter((file) => !/^test\/(os\/|crash\/(full-disk|power-cuts))/.test(file));
  return few.length > 0 ? few : selected;
}

/** Vitest reads a name as a regular expression. */
const literal = (text) => text.replace(/[$()*+.?[\\\]^{|}]/g, "\\$&");

const sources = new Map(files.map((file) => [file, readFileSync(file, "utf8")]));
/** Names are put together of a suite's name, a test's name and the values of a table: all of these stand in the file. */
const words = pattern.match(/[\p{L}\p{N}]+/gu) ?? [pattern];
const choices = [
  { name: "", selected: files.filter((file) => file.includes(pattern)) },
  { name: literal(pattern), selected: files.filter((file) => sources.get(file).includes(pattern)) },
  { name: literal(pattern), selected: files.filter((file) => words.every((word) => sources.get(file).includes(word))) },
];
const choice = choices.find(({ selected }) => selected.length > 0);
if (choice === undefined) {
  process.stderr.write(`No test file has '${pattern}' in its path or in its tests' names.\n`);
  process.exitCode = 1;
} else {
  const selected = quick(choice.selected);
  const build = selected.some((file) => needsDist(file)) ? "yes" : "no";
  process.stdout.write([build, choice.name, ...selected].map((line) => `${line}\n`).join(""));
}
