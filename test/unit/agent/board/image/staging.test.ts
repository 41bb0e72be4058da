import { readdir, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { StagingFolder } from "../../../../../agent/board/image/staging.ts";
import { testImage } from "../../../../support/image-server.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

/** A file that says to be so large and takes no room. */
async function sparseFile(path: string, bytes: number): Promise<void> {
  await writeFile(path, "");
  await truncate(path, bytes);
}

const a = "a".repeat(64);
const b = "b".repeat(64);
const never = new AbortController().signal;

describe("the staging area", () => {
  it("admits an image under its digest, atomically, and twice the same", async () => {
    const folder = await temporaryFolder();
    const staging = new StagingFolder(folder, 0);
    const { sha256, content } = testImage(1_000);
    await writeFile(await staging.partialPath(sha256), content);
    await staging.promote(sha256);
    await staging.promote(sha256);
    expect(await readdir(folder)).toStrictEqual([`${sha256}.image`]);
    await expect(staging.verify(sha256, never)).resolves.toBeUndefined();
  });

  it("finds an image that was changed on the disk", async () => {
    const staging = new StagingFolder(await temporaryFolder(), 0);
    const { sha256, content } = testImage(1_000);
    await writeFile(staging.stagedPath(sha256), content.fill(0, 10, 11));
    await expect(staging.verify(sha256, never)).rejects.toMatchObject({ code: "image-changed" });
  });

  it("reads a staged image from any offset to its end", async () => {
    const staging = new StagingFolder(await temporaryFolder(), 0);
    const { sha256, content } = testImage(600_000);
    await writeFile(staging.stagedPath(sha256), content);
    for (const from of [0, 1, 262_144, 599_999, 600_000]) {
      const pieces: Buffer[] = [];
      for await (const bytes of staging.read(sha256, from, never)) pieces.push(Buffer.from(bytes));
      expect(Buffer.concat(pieces).equals(content.subarray(from))).toBe(true);
    }
    const stop = new AbortController();
    const reading = staging.read(sha256, 0, stop.signal)[Symbol.asyncIterator]();
    await reading.next();
    stop.abort(new Error("stopped"));
    await expect(reading.next()).rejects.toThrow("stopped");
    await expect(staging.read("0".repeat(64), 0, never)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: "image-changed",
    });
  });

  it("says when an image is gone", async () => {
    const staging = new StagingFolder(await temporaryFolder(), 0);
    await expect(staging.verify("0".repeat(64), never)).rejects.toMatchObject({ code: "image-changed" });
    await expect(staging.promote("0".repeat(64))).rejects.toMatchObject({ code: "image-changed" });
  });

  it("clears what nobody needs, and nothing that is not its own", async () => {
    const folder = await temporaryFolder();
    const staging = new StagingFolder(folder, 0);
    for (const name of [`${a}.part`, `${a}.image`, `${b}.part`, `${b}.image`, "notes.txt", "a.part", "system.image"])
      await writeFile(join(folder, name), "");
    await staging.removeAllExcept([a]);
    expect((await readdir(folder)).sort()).toStrictEqual(
      ["a.part", `${a}.image`, `${a}.part`, "notes.txt", "system.image"].sort(),
    );
    await staging.removeAllExcept([]);
    expect((await readdir(folder)).sort()).toStrictEqual(["a.part", "notes.txt", "system.image"]);
  });

  it("keeps one partial image with what is known of it, and says how old it is", async () => {
    const folder = await temporaryFolder();
    const staging = new StagingFolder(folder, 0);
    for (const name of [
      `${a}.part`,
      `${a}.part.json`,
      `${a}.part.json.new`,
      `${a}.image`,
      `${b}.part`,
      `${b}.part.json`,
      "notes.txt",
    ])
      await writeFile(join(folder, name), "x");
    const anHourAgo = Date.now() / 1_000 - 3_600;
    await utimes(join(folder, `${a}.part`), anHourAgo, anHourAgo);
    expect(await staging.removeAllButPartial(a)).toBeGreaterThanOrEqual(3_600_000);
    expect((await readdir(folder)).sort()).toStrictEqual([`${a}.part`, `${a}.part.json`, "notes.txt"]);
    const tomorrow = Date.now() / 1_000 + 86_400;
    await utimes(join(folder, `${a}.part`), tomorrow, tomorrow);
    expect(await staging.removeAllButPartial(a)).toBe(0);
  });

  it("counts the age of what an unset clock wrote from now on", async () => {
    const folder = await temporaryFolder();
    const staging = new StagingFolder(folder, 0);
    await writeFile(join(folder, `${a}.part`), "x");
    await utimes(join(folder, `${a}.part`), 100, 100);
    expect(await staging.removeAllButPartial(a)).toBe(0);
    expect((await stat(join(folder, `${a}.part`))).mtimeMs).toBeGreaterThan(Date.UTC(2026, 0, 1));
  });

  it.each([
    ["there is none", 0, undefined],
    ["it is empty", 0, ""],
    ["its room is needed", 2 ** 60, "x"],
  ])("keeps no partial image when %s", async (_what, keepFree, content) => {
    const folder = await temporaryFolder();
    if (content !== undefined) await writeFile(join(folder, `${a}.part`), content);
    await writeFile(join(folder, `${a}.part.json`), "{}");
    expect(await new StagingFolder(folder, keepFree).removeAllButPartial(a)).toBeNull();
    expect(await readdir(folder)).toStrictEqual([]);
  });

  it("counts partial images as room: they are gone on with, or give way", async () => {
    const folder = await temporaryFolder();
    const spare = await new StagingFolder(folder, 0).availableBytes();
    const staging = new StagingFolder(folder, spare + 2 ** 30);
    expect(await staging.availableBytes()).toBe(0);
    await sparseFile(join(folder, `${a}.part`), 2 ** 40);
    expect(await staging.availableBytes()).toBeGreaterThan(2 ** 39);
  });

  it("keeps to a quota: partial images may grow into it, whole ones take of it", async () => {
    const folder = await temporaryFolder();
    const staging = new StagingFolder(folder, 0, 10_000);
    expect(await staging.availableBytes()).toBe(10_000);
    await sparseFile(join(folder, `${a}.part`), 4_000);
    await sparseFile(join(folder, "not-ours.image"), 4_000);
    expect(await staging.availableBytes()).toBe(10_000);
    await sparseFile(join(folder, `${b}.image`), 3_000);
    expect(await staging.availableBytes()).toBe(7_000);
    await sparseFile(join(folder, `${b}.image`), 30_000);
    expect(await staging.availableBytes()).toBe(0);
  });

  it("keeps no partial image beyond its quota", async () => {
    const folder = await temporaryFolder();
    await sparseFile(join(folder, `${a}.part`), 4_000);
    expect(await new StagingFolder(folder, 0, 4_000).removeAllButPartial(a)).not.toBeNull();
    expect(await new StagingFolder(folder, 0, 3_999).removeAllButPartial(a)).toBeNull();
    expect(await readdir(folder)).toStrictEqual([]);
  });

  it("says what it means for the owner that the disk refuses", async () => {
    const staging = new StagingFolder("/proc/nowhere", 0);
    for (const act of [() => staging.availableBytes(), () => staging.partialPath(a)])
      await expect(act()).rejects.toMatchObject({
        code: "disk-error",
        message: expect.stringContaining("cannot be made"),
      });
  });

  it("forgets what was known of a partial image when it is admitted", async () => {
    const folder = await temporaryFolder();
    const staging = new StagingFolder(folder, 0);
    for (const name of [`${a}.part`, `${a}.part.json`]) await writeFile(join(folder, name), "x");
    await staging.promote(a);
    expect(await readdir(folder)).toStrictEqual([`${a}.image`]);
  });

  it("clears nothing where there is no folder yet", async () => {
    const staging = new StagingFolder(join(await temporaryFolder(), "none"), 0);
    await expect(staging.removeAllExcept([])).resolves.toBeUndefined();
  });

  it("keeps room for the board itself", async () => {
    const folder = await temporaryFolder();
    const all = await new StagingFolder(folder, 0).availableBytes();
    expect(all).toBeGreaterThan(0);
    expect(await new StagingFolder(folder, Number.MAX_SAFE_INTEGER).availableBytes()).toBe(0);
  });
});
