import { chmod, chown, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Script } from "node:vm";
import { expect, it } from "vitest";
import { cacheName, compile, encodeCache, readCache } from "../../../../agent/loader/code-cache.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const source = Buffer.from("(function () { return 'first' })");
const uid = process.getuid?.() ?? 0;

/** What V8 has made of a source, once it has run. */
function codeOf(text: Buffer): Buffer {
  const script = new Script(text.toString());
  (script.runInThisContext() as () => string)();
  return script.createCachedData();
}

async function folderWith(content: Buffer, mode = 0o644): Promise<{ folder: string; path: string }> {
  const folder = await temporaryFolder();
  const path = join(folder, cacheName(source));
  await writeFile(path, content);
  await chmod(path, mode);
  return { folder, path };
}

it("V8 takes the cache of a source, and the source is what runs", async () => {
  const { folder } = await folderWith(encodeCache(codeOf(source)));
  const { script, problem } = compile("source.cjs", source, readCache(folder, source, uid));
  expect([problem, script.cachedDataRejected]).toEqual([undefined, false]);
  expect((script.runInThisContext() as () => string)()).toBe("first");
});

it("a source of the same length and other content has another cache", async () => {
  const { folder } = await folderWith(encodeCache(codeOf(source)));
  const other = Buffer.from(source.toString().replace("first", "other"));
  const { script, problem } = compile("source.cjs", other, readCache(folder, other, uid));
  expect(problem).toEqual({ problem: "absent" });
  expect((script.runInThisContext() as () => string)()).toBe("other");
});

const whole = encodeCache(codeOf(source));
it.each([
  ["empty", Buffer.alloc(0)],
  ["cut off in its checksum", whole.subarray(0, 20)],
  ["cut off after its checksum", whole.subarray(0, 32)],
  ["cut off", whole.subarray(0, -1)],
  ["longer", Buffer.concat([whole, Buffer.alloc(1)])],
  ["zeros, as after a power cut", Buffer.alloc(whole.length)],
  ...[0, 31, 32, 40, 60, whole.length >> 1, whole.length - 1].map((at): [string, Buffer] => {
    const flipped = Buffer.from(whole);
    flipped[at] = (flipped[at] ?? 0) ^ 0x10;
    return [`flipped in a bit of byte ${at}`, flipped];
  }),
])("a file that is %s is no cache", async (_what, content) => {
  const { folder } = await folderWith(content);
  expect(readCache(folder, source, uid)).toEqual({ problem: "damaged" });
});

it.each([0o664, 0o646, 0o666])("a file that others may write to, mode %o, is no cache", async (mode) => {
  const { folder } = await folderWith(whole, mode);
  expect(readCache(folder, source, uid)).toEqual({ problem: "untrusted" });
});

it("a file of a user who does not own the program is no cache", async () => {
  const { folder, path } = await folderWith(whole);
  if (uid === 0) await chown(path, 12_345, 12_345);
  const owner = uid === 0 ? 0 : uid + 1;
  expect(readCache(folder, source, owner)).toEqual({ problem: "untrusted" });
});

it("a link, a folder, or no folder at all is no cache", async () => {
  const { folder, path } = await folderWith(whole);
  const other = await temporaryFolder();
  await symlink(path, join(other, cacheName(source)));
  expect(readCache(other, source, uid)).toMatchObject({ problem: "unreadable" });
  const third = await temporaryFolder();
  await mkdir(join(third, cacheName(source)));
  expect(readCache(third, source, uid)).toMatchObject({ problem: "unreadable" });
  expect(readCache(join(folder, "none"), source, uid)).toEqual({ problem: "absent" });
});

it("V8 refuses code of another version, and the source is compiled", async () => {
  const code = codeOf(source);
  code[4] = (code[4] ?? 0) ^ 1; // The second word is a hash of V8's version.
  const { folder } = await folderWith(encodeCache(code));
  const { script, problem } = compile("of-another-version.cjs", source, readCache(folder, source, uid));
  expect(problem).toEqual({ problem: "refused" });
  expect((script.runInThisContext() as () => string)()).toBe("first");
});

it("a source with other letters than ASCII's keeps them", () => {
  const { script } = compile("source.cjs", Buffer.from("(() => 'größer ✓')"), { problem: "absent" });
  expect((script.runInThisContext() as () => string)()).toBe("größer ✓");
});
