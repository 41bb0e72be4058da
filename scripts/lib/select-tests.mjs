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

/** Without those that boot machines or take minutes, unless there are no others. */
function quick(selected) {
  const few = selected.filter((file) => !/^test\/(rig|os|deep)\//.test(file));
  return few.length > 0 ? few : selected;
}

function answer(selected, name) {
  const build = selected.some((file) => needsDist(file)) ? "yes" : "no";
  process.stdout.write([build, name, ...selected].map((line) => `${line}\n`).join(""));
}

/** Vitest reads a name as a regular expression. */
const literal = (text) => text.replace(/[$()*+.?[\\\]^{|}]/g, "\\$&");

const byPath = quick(files.filter((file) => file.includes(pattern)));
const byName = quick(files.filter((file) => readFileSync(file, "utf8").includes(pattern)));
if (byPath.length > 0) answer(byPath, "");
else if (byName.length > 0) answer(byName, literal(pattern));
else
  answer(
    quick(files).filter((file) => !needsDist(file)),
    pattern,
  );
