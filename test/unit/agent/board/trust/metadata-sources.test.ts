import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { folderSource, mapSource } from "../../../../../agent/board/trust/metadata-sources.ts";
import { specialFiles } from "../../../../support/special-files.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

async function repository(): Promise<{ folder: string; metadata: string }> {
  const folder = await temporaryFolder();
  const metadata = join(folder, "metadata");
  await mkdir(metadata);
  await writeFile(join(metadata, "timestamp.json"), "signed");
  return { folder, metadata };
}

describe("a repository in a folder", () => {
  it("gives a file byte for byte, and none where there is none", async () => {
    const { folder, metadata } = await repository();
    const source = folderSource(folder);
    expect(Buffer.from((await source.read("timestamp.json", 6)) ?? []).toString()).toBe("signed");
    await writeFile(join(metadata, "1.root.json"), Buffer.from([0xff, 0, 0xfe]));
    expect(await source.read("1.root.json", 10)).toStrictEqual(Buffer.from([0xff, 0, 0xfe]));
    expect(await source.read("2.root.json", 10)).toBeUndefined();
    expect(await folderSource(join(folder, "none")).read("1.root.json", 10)).toBeUndefined();
  });

  it("refuses a file that is too large", async () => {
    const { folder } = await repository();
    await expect(folderSource(folder).read("timestamp.json", 5)).rejects.toMatchObject({ code: "metadata-too-large" });
  });

  it.each(["../secret.json", "a/b.json", ".json", "-r.json", "timestamp.json\0", "timestamp", ""])(
    "has no file named %j",
    async (name) => {
      const { folder } = await repository();
      await expect(folderSource(folder).read(name, 10)).rejects.toThrow("is not the name of a metadata file");
    },
  );

  it("leads nowhere else: neither by a file that is a link nor by a folder", async () => {
    const { folder, metadata } = await repository();
    const secret = join(await temporaryFolder(), "secret.json");
    await writeFile(secret, "secret");
    await symlink(secret, join(metadata, "1.root.json"));
    await expect(folderSource(folder).read("1.root.json", 10)).rejects.toThrow("1.root.json is a link");
    const other = await temporaryFolder();
    await symlink(metadata, join(other, "metadata"));
    await expect(folderSource(other).read("timestamp.json", 10)).rejects.toThrow("metadata is a link");
  });

  it("may be named by a link", async () => {
    const { folder } = await repository();
    const link = join(await temporaryFolder(), "usb");
    await symlink(folder, link);
    expect(await folderSource(link).read("timestamp.json", 10)).toBeDefined();
  });

  it.each(specialFiles)("is not read where %s lies in a file's place", async (_what, make) => {
    const { folder, metadata } = await repository();
    await make(join(metadata, "1.root.json"));
    await expect(folderSource(folder).read("1.root.json", 10)).rejects.toThrow(/1\.root\.json is (not a file|a link)/);
  });

  it("is not read on when nobody wants it any more", async () => {
    const { folder } = await repository();
    await expect(folderSource(folder).read("timestamp.json", 10, AbortSignal.abort())).rejects.toThrow("aborted");
  });
});

describe("metadata in memory", () => {
  it("has the same limits", async () => {
    const source = mapSource(new Map([["timestamp.json", Buffer.from("signed")]]));
    expect(await source.read("timestamp.json", 6)).toBeDefined();
    expect(await source.read("1.root.json", 6)).toBeUndefined();
    await expect(source.read("timestamp.json", 5)).rejects.toMatchObject({ code: "metadata-too-large" });
  });
});
