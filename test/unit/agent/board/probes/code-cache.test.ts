import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Script } from "node:vm";
import { expect, it } from "vitest";
import { probeCodeCache } from "../../../../../agent/board/probes/code-cache.ts";
import { cacheName } from "../../../../../agent/loader/code-cache.ts";
import { saveCaches } from "../../../../../agent/loader/save-caches.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

/** A built program of two sources, of which a start needs one. */
async function program(): Promise<{ folder: string; source: Buffer }> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "agent"));
  const source = Buffer.from("(function () { return 1 })");
  await writeFile(join(folder, "agent/main.cjs"), source);
  await writeFile(join(folder, "agent/rare.cjs"), "(function () { return 2 })");
  return { folder, source };
}

it("knows nothing to say where no built program lies", async () => {
  expect(probeCodeCache(await temporaryFolder())).toBeUndefined();
});

it("finds none", async () => {
  const { folder } = await program();
  expect(probeCodeCache(folder)).toEqual({
    folder: join(folder, "code-cache"),
    accepted: 0,
    bytes: 0,
    others: 0,
    problem: undefined,
    maker: join(folder, "make-code-cache.cjs"),
  });
});

it("counts what a start would use, what belongs to another program, and names what is wrong", async () => {
  const { folder, source } = await program();
  const caches = join(folder, "code-cache");
  saveCaches(caches, [{ source, script: new Script(source.toString()) }]);
  await writeFile(join(caches, "of-another-release.cache"), "");
  expect(probeCodeCache(folder)).toMatchObject({ accepted: 1, others: 1, problem: undefined });
  expect(probeCodeCache(folder)?.bytes).toBeGreaterThan(100);

  const file = join(caches, cacheName(source));
  await chmod(file, 0o606);
  expect(probeCodeCache(folder)).toMatchObject({ accepted: 0, problem: { problem: "untrusted", file } });
});

it("a folder that cannot be read is not one that is not there", async () => {
  const { folder } = await program();
  await writeFile(join(folder, "code-cache"), "a file in the way");
  expect(probeCodeCache(folder)).toMatchObject({
    accepted: 0,
    problem: {
      problem: "unreadable",
      file: join(folder, "code-cache"),
      detail: expect.stringContaining("ENOTDIR") as string,
    },
  });
});
