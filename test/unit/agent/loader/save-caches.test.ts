import { mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Script } from "node:vm";
import { expect, it } from "vitest";
import { cacheName, readCache } from "../../../../agent/loader/code-cache.ts";
import { saveCaches } from "../../../../agent/loader/save-caches.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const sources = ["(() => 1)", "(() => 2)"].map((text) => ({ source: Buffer.from(text), script: new Script(text) }));

it("writes one file for each source, for all to read, and removes what belongs to none", async () => {
  const folder = join(await temporaryFolder(), "code-cache");
  await mkdir(folder);
  for (const name of ["of-another-release.cache", "cut-off.cache.new"]) await writeFile(join(folder, name), "");
  saveCaches(folder, sources);
  expect(new Set(await readdir(folder))).toEqual(new Set(sources.map(({ source }) => cacheName(source))));
  for (const { source } of sources) {
    expect(readCache(folder, source, process.getuid?.() ?? 0)).toBeInstanceOf(Buffer);
    expect((await stat(join(folder, cacheName(source)))).mode & 0o777).toBe(0o644);
  }
});

it("says what is in the way, and changes nothing there", async () => {
  const folder = join(await temporaryFolder(), "code-cache");
  await writeFile(folder, "a file");
  expect(() => saveCaches(folder, sources)).toThrow(/code-cache/);
  expect(await readFile(folder, "utf8")).toBe("a file");
});

it("the service's user can read it, whatever the umask is", async () => {
  const folder = join(await temporaryFolder(), "code-cache");
  const umask = process.umask(0o077);
  try {
    saveCaches(folder, sources);
  } finally {
    process.umask(umask);
  }
  expect((await stat(folder)).mode & 0o777).toBe(0o755);
  for (const name of await readdir(folder)) expect((await stat(join(folder, name))).mode & 0o777).toBe(0o644);
});
