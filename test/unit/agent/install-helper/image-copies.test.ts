import { createHash } from "node:crypto";
import { chmod, mkdir, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { copyDisk } from "../../../../agent/install-helper/copy-disk.ts";
import { ImageCopies } from "../../../../agent/install-helper/image-copies.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const never = new AbortController().signal;
const content = Buffer.from("the image's bytes");
const image = { sha256: createHash("sha256").update(content).digest("hex"), sizeBytes: content.length };

async function setup(boot = "b007"): Promise<{ folder: string; copies: ImageCopies }> {
  const folder = await temporaryFolder();
  return { folder, copies: new ImageCopies(folder, boot, { ...copyDisk, freeBytes: async () => 1e9 }) };
}

describe("root's copies of images", () => {
  it("are written once, and are root's alone", async () => {
    const { folder, copies } = await setup();
    expect(await copies.findWhole(image, never)).toBeUndefined();
    const copy = await copies.begin(image, never);
    expect([copy.resumeAt, copy.missingBytes]).toEqual([0, content.length]);
    await copy.write(content.subarray(0, 5));
    await copy.write(content.subarray(5));
    const path = await copy.finish();
    expect(await readFile(path, "utf8")).toBe(String(content));
    expect((await stat(path)).mode & 0o777).toBe(0o400);
    expect(await copies.findWhole(image, never)).toBe(path);
    expect(await readdir(folder)).toEqual([`${image.sha256}.image`]);
  });

  it.each(Array.from({ length: content.length }, (_, at) => at))("are continued after %i bytes", async (at) => {
    const { folder, copies } = await setup();
    const first = await copies.begin(image, never);
    await first.write(content.subarray(0, at));
    await first.close();
    const next = await new ImageCopies(folder, "b007", { ...copyDisk, freeBytes: async () => 1e9 }).begin(image, never);
    expect(next.resumeAt).toBe(at);
    await next.write(content.subarray(at));
    expect(await readFile(await next.finish(), "utf8")).toBe(String(content));
  });

  it("begin anew in another boot: the last bytes before a power cut may be lost", async () => {
    const { folder, copies } = await setup();
    const first = await copies.begin(image, never);
    await first.write(content.subarray(0, 5));
    await first.close();
    const next = await new ImageCopies(folder, "b008", { ...copyDisk, freeBytes: async () => 1e9 }).begin(image, never);
    expect(next.resumeAt).toBe(0);
    await next.write(content.subarray(0, 1));
    await next.close();
    expect(await readdir(folder)).toEqual([`${image.sha256}.b008.part`]);
  });

  it("leave room for one image at a time, and touch nothing of the owner's", async () => {
    const { folder, copies } = await setup();
    const others = [`${"b".repeat(64)}.image`, `${"b".repeat(64)}.b007.part`, "image.new"];
    for (const name of [...others, "slot-a", "lock"]) await writeFile(join(folder, name), "");
    const copy = await copies.begin(image, never);
    await copy.write(content.subarray(0, 1));
    await copy.close();
    expect((await readdir(folder)).toSorted()).toEqual([`${image.sha256}.b007.part`, "lock", "slot-a"].toSorted());
    await copies.removeAll();
    expect((await readdir(folder)).toSorted()).toEqual(["lock", "slot-a"]);
  });

  it.each([
    ["other bytes", "the image's Bytes"],
    ["fewer bytes", "the image's byte"],
  ])("keep nothing of %s", async (_what, wrong) => {
    const { folder, copies } = await setup();
    const copy = await copies.begin(image, never);
    await copy.write(Buffer.from(wrong));
    await expect(copy.finish()).rejects.toMatchObject({ code: "image-changed" });
    expect(await readdir(folder)).toEqual([]);
  });

  it("are digested again before they are used again", async () => {
    const { folder, copies } = await setup();
    const copy = await copies.begin(image, never);
    await copy.write(content);
    const path = await copy.finish();
    await chmod(path, 0o600);
    await writeFile(path, "the image's Bytes");
    expect(await copies.findWhole(image, never)).toBeUndefined();
    expect(await readdir(folder)).toEqual([]);
  });

  it("say when there is no room, or no folder", async () => {
    const { folder } = await setup();
    const free = 64 * 1_048_576 + content.length;
    await (
      await new ImageCopies(folder, "b007", { ...copyDisk, freeBytes: async () => free }).begin(image, never)
    ).close();
    const full = new ImageCopies(folder, "b007", { ...copyDisk, freeBytes: async () => free - 1 });
    await expect(full.begin(image, never)).rejects.toMatchObject({
      code: "no-space",
      message: expect.stringContaining(`needs ${content.length} bytes`),
    });
    await rm(folder, { recursive: true });
    await expect(full.begin(image, never)).rejects.toMatchObject({ code: "disk-error" });
    await mkdir(folder);
  });
});
