import { chmod, lchown, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { NotRootOwned, readRootOwned, weakness } from "../../../../../agent/board/trust/root-owned.ts";
import { specialFiles } from "../../../../support/special-files.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

/** Whoever runs the tests counts as root. */
const owners = [0, process.getuid?.() ?? 0];

async function fileIn(mode = 0o644): Promise<{ folder: string; path: string }> {
  const folder = join(await temporaryFolder(), "etc");
  await mkdir(folder, { mode: 0o755 });
  const path = join(folder, "root.json");
  await writeFile(path, "trusted");
  await chmod(path, mode);
  return { folder, path };
}

describe("a file that root obeys", () => {
  it("is read where only root could have written it", async () => {
    const { path } = await fileIn();
    expect(await weakness(path, owners)).toBeUndefined();
    expect(Buffer.from(await readRootOwned(path, 7, owners)).toString()).toBe("trusted");
  });

  it.each([
    ["the group", 0o664],
    ["everybody", 0o646],
  ])("is refused where %s may write to it", async (_who, mode) => {
    const { path } = await fileIn(mode);
    expect(await weakness(path, owners)).toBe(`others than root may write to ${path}`);
    await expect(readRootOwned(path, 7, owners)).rejects.toThrow(NotRootOwned);
  });

  it("is refused where others may write to a folder above it", async () => {
    const { folder, path } = await fileIn();
    await chmod(folder, 0o777);
    await expect(readRootOwned(path, 7, owners)).rejects.toThrow(
      `others than root may write to ${folder}, so ${path} may not be written by this board's owner, and it is not obeyed. Correct that, as root`,
    );
  });

  it("may lie in a folder like /tmp, where only its owner can replace it", async () => {
    const { folder, path } = await fileIn();
    await chmod(folder, 0o1777);
    expect(await weakness(path, owners)).toBeUndefined();
  });

  it("is refused where it belongs to somebody else, and where a folder above it does", async () => {
    const { path } = await fileIn();
    const strangers = owners.map((one) => one + 70_000);
    expect(await weakness(path, strangers)).toBe(`${path} does not belong to root`);
  });

  it("is refused where the way to it has a link", async () => {
    const { folder, path } = await fileIn();
    const link = `${folder}-link`;
    await symlink(folder, link);
    expect(await weakness(join(link, "root.json"), owners)).toBe(`${link} is a link`);
    const direct = join(folder, "link.json");
    await symlink(path, direct);
    await lchown(direct, process.getuid?.() ?? 0, process.getgid?.() ?? 0);
    await expect(readRootOwned(direct, 7, owners)).rejects.toThrow(`${direct} is a link`);
  });

  it.each(specialFiles)("is refused where it is %s", async (_what, make) => {
    const path = join(await temporaryFolder(), "root.json");
    await make(path);
    await expect(readRootOwned(path, 7, owners)).rejects.toThrow(new RegExp(`${path} is (not a file|a link)`));
  });

  it("is refused where it is larger than it may be", async () => {
    const { path } = await fileIn();
    await expect(readRootOwned(path, 6, owners)).rejects.toThrow("more than 6 bytes");
  });

  it("is missing where it is missing", async () => {
    await expect(readRootOwned(join(await temporaryFolder(), "none"), 7, owners)).rejects.toThrow("ENOENT");
  });
});
