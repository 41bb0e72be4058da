import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FolderStaging } from "../../../../agent/board/staging.ts";
import { testImage } from "../../../support/image-server.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const never = new AbortController().signal;

describe("the staging area", () => {
  it("admits an image under its digest, atomically, and twice the same", async () => {
    const folder = await temporaryFolder();
    const staging = new FolderStaging(folder, 0);
    const { sha256, content } = testImage(1_000);
    await writeFile(await staging.partialPath(sha256), content);
    await staging.admit(sha256);
    await staging.admit(sha256);
    expect(await readdir(folder)).toStrictEqual([`${sha256}.image`]);
    await expect(staging.verify(sha256, never)).resolves.toBeUndefined();
  });

  it("finds an image that was changed on the disk", async () => {
    const staging = new FolderStaging(await temporaryFolder(), 0);
    const { sha256, content } = testImage(1_000);
    await writeFile(staging.stagedPath(sha256), content.fill(0, 10, 11));
    await expect(staging.verify(sha256, never)).rejects.toMatchObject({ code: "image-changed" });
  });

  it("says when an image is gone", async () => {
    const staging = new FolderStaging(await temporaryFolder(), 0);
    await expect(staging.verify("0".repeat(64), never)).rejects.toMatchObject({ code: "image-changed" });
    await expect(staging.admit("0".repeat(64))).rejects.toMatchObject({ code: "image-changed" });
  });

  it("clears what nobody needs, and nothing that is not its own", async () => {
    const folder = await temporaryFolder();
    const staging = new FolderStaging(folder, 0);
    for (const name of ["a.part", "a.image", "b.part", "b.image", "notes.txt"]) await writeFile(join(folder, name), "");
    await staging.clear(["a"]);
    expect((await readdir(folder)).sort()).toStrictEqual(["a.image", "a.part", "notes.txt"]);
    await staging.clear([]);
    expect(await readdir(folder)).toStrictEqual(["notes.txt"]);
  });

  it("clears nothing where there is no folder yet", async () => {
    const staging = new FolderStaging(join(await temporaryFolder(), "none"), 0);
    await expect(staging.clear([])).resolves.toBeUndefined();
  });

  it("keeps room for the board itself", async () => {
    const folder = await temporaryFolder();
    const all = await new FolderStaging(folder, 0).roomBytes();
    expect(all).toBeGreaterThan(0);
    expect(await new FolderStaging(folder, Number.MAX_SAFE_INTEGER).roomBytes()).toBe(0);
  });
});
