import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ProgramLoader, type LoadedSource } from "../../../../agent/loader/program-loader.ts";
import { saveCaches } from "../../../../agent/loader/save-caches.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

/** A program as scripts/build makes one. */
async function program(sources: Readonly<Record<string, string>>): Promise<{ folder: string; entry: string }> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "agent"));
  for (const [name, text] of Object.entries(sources))
    await writeFile(
      join(folder, "agent", name),
      `(function (exports, require, module, programUrl) { "use strict";\n${text}\n})`,
    );
  return { folder, entry: join(folder, "program.mjs") };
}

const two = {
  "main.cjs":
    'exports.sum = require("./part.cjs").one + 1; exports.url = programUrl; exports.again = require("./part.cjs");',
  "part.cjs": 'exports.one = 1; exports.sep = require("node:path").sep;',
};

function loaderOf({ folder, entry }: { folder: string; entry: string }): {
  loader: ProgramLoader;
  loaded: LoadedSource[];
} {
  const loaded: LoadedSource[] = [];
  const onLoaded = (one: LoadedSource): unknown => loaded.push(one);
  return { loader: new ProgramLoader({ entry, cacheFolder: join(folder, "code-cache"), onLoaded }), loaded };
}

it("loads sources by each other, Node's modules, and each source once", async () => {
  const built = await program(two);
  const { loader, loaded } = loaderOf(built);
  expect(loader.load(join(built.folder, "agent/main.cjs"))).toEqual({
    sum: 2,
    url: `file://${built.entry}`,
    again: { one: 1, sep: "/" },
  });
  expect(loaded.map(({ path, problem }) => [path.slice(built.folder.length), problem?.problem])).toEqual([
    ["/agent/main.cjs", "absent"],
    ["/agent/part.cjs", "absent"],
  ]);
});

it("takes all of them from the cache that was made of them", async () => {
  const built = await program(two);
  const first = loaderOf(built);
  const exports = first.loader.load(join(built.folder, "agent/main.cjs"));
  saveCaches(join(built.folder, "code-cache"), first.loaded);
  const second = loaderOf(built);
  expect(second.loader.load(join(built.folder, "agent/main.cjs"))).toEqual(exports);
  expect(second.loaded.map(({ problem, script }) => [problem, script.cachedDataRejected])).toEqual([
    [undefined, false],
    [undefined, false],
  ]);
});

it("an error's stack names the file and the line of the source", async () => {
  const built = await program({ "main.cjs": '\nfunction broken() { throw new Error("broken"); }\nbroken();' });
  const path = join(built.folder, "agent/main.cjs");
  let thrown: unknown;
  try {
    loaderOf(built).loader.load(path);
  } catch (cause) {
    thrown = cause;
  }
  expect(thrown instanceof Error && thrown.stack).toContain(`at broken (${path}:3:27)`);
});
