import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
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

it.each([
  ["a link to itself", async (path: string): Promise<void> => await symlink(path, path)],
  ["a file", async (path: string): Promise<void> => await writeFile(path, "")],
])("runs without a cache where its folder is %s", async (_, put) => {
  const built = await program(two);
  await put(join(built.folder, "code-cache"));
  expect(loaderOf(built).loader.load(join(built.folder, "agent/main.cjs"))).toMatchObject({ sum: 2 });
});

it("runs without a cache where the folder above it is a file", async () => {
  const built = await program(two);
  const loader = new ProgramLoader({
    entry: built.entry,
    cacheFolder: join(built.folder, "agent/main.cjs/code-cache"),
  });
  expect(loader.load(join(built.folder, "agent/main.cjs"))).toMatchObject({ sum: 2 });
});

describe("a source that could not be loaded is tried again", () => {
  const wrapped = (text: string): string => `(function (exports, require, module, programUrl) { ${text}\n})`;

  it.each([
    ["read", async (path: string): Promise<void> => await rm(path), /ENOENT/],
    ["compiled", async (path: string): Promise<void> => await writeFile(path, wrapped("not JavaScript")), SyntaxError],
    ["run", async (path: string): Promise<void> => await writeFile(path, wrapped('throw new Error("once")')), /once/],
  ])("because it could not be %s", async (_, spoil, error) => {
    const built = await program({
      "part.cjs": 'exports.sum = require("./leaf.cjs").one + 1;',
      "leaf.cjs": "exports.one = 1;",
    });
    const leaf = join(built.folder, "agent/leaf.cjs");
    const { loader } = loaderOf(built);
    const part = join(built.folder, "agent/part.cjs");
    await spoil(leaf);
    expect(() => loader.load(part)).toThrow(error);
    expect(() => loader.load(part)).toThrow(error);
    await writeFile(leaf, wrapped("exports.one = 1;"));
    expect(loader.load(part)).toEqual({ sum: 2 });
  });
});
