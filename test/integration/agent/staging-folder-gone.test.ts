import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { withDiskErrors } from "../../../agent/board/fs/files.ts";
import { FilePartialStore } from "../../../agent/board/image/partial-store.ts";
import { StagingFolder } from "../../../agent/board/image/staging.ts";
import type { PartialImage } from "../../../agent/download/ports.ts";
import { specialFiles } from "../../support/special-files.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const digest = "a".repeat(64);
const never = new AbortController().signal;
/** As many bytes as are synced in one go. */
const piece = Buffer.alloc(8 * 1_048_576);

interface Arriving {
  readonly folder: string;
  readonly staging: StagingFolder;
  readonly partial: PartialImage;
}

/** An image of which a piece has arrived. */
async function arriving(): Promise<Arriving> {
  const folder = join(await temporaryFolder(), "images");
  const staging = new StagingFolder(folder, 0);
  const files = new FilePartialStore("boot-1", { nowMs: () => 0 });
  const partial = await files.open(await staging.partialPath(digest), "op-1", never);
  await partial.append(Buffer.from("x"));
  return { folder, staging, partial };
}

const losses: [string, (folder: string) => Promise<void>][] = [
  ["removed", async (folder) => await rm(folder, { recursive: true })],
  ["moved away", async (folder) => await rename(folder, `${folder}.elsewhere`)],
  [
    "replaced by an empty one, as when a disk is unmounted",
    async (folder) => {
      await rename(folder, `${folder}.elsewhere`);
      await mkdir(folder);
    },
  ],
];

it.each(losses)("a staging folder that is %s ends the download with its name and what to do", async (_what, lose) => {
  const { folder, partial } = await arriving();
  await lose(folder);
  const goOn = async (): Promise<void> => {
    await partial.append(piece);
    await partial.append(piece); // Reports the sync that the first began.
  };
  const message = expect.stringMatching(new RegExp(`${folder}.*was unmounted\\. Mount the disk again`));
  await expect(goOn()).rejects.toMatchObject({ code: "disk-error", message });
  await expect(partial.close()).rejects.toMatchObject({ code: "disk-error", message });
});

it.each(losses.slice(0, 2))("an image is not called damaged where its whole folder is %s", async (_what, lose) => {
  const { folder, staging, partial } = await arriving();
  await partial.close();
  await lose(folder);
  for (const act of [() => staging.promote(digest), () => staging.verify(digest, never)])
    await expect(act()).rejects.toMatchObject({
      code: "disk-error",
      message: expect.stringContaining(`${folder} (ENOENT): the folder was removed`),
    });
});

it("a file where the staging folder was is named", async () => {
  const { folder, staging, partial } = await arriving();
  await partial.close();
  await rm(folder, { recursive: true });
  await writeFile(folder, "");
  for (const act of [
    () => staging.availableBytes(),
    () => staging.removeAllButPartial(digest),
    () => staging.removeAllExcept([]),
    () => staging.promote(digest),
  ])
    await expect(act()).rejects.toMatchObject({
      code: "disk-error",
      message: expect.stringMatching(new RegExp(`${folder}.*A file lies|${folder}.*a file lies`)),
    });
});

it.each(specialFiles)(
  "%s in place of an image, or of what has arrived of it, is named and never waited for",
  async (what, make) => {
    for (const name of [`${digest}.part`, `${digest}.part.json`]) {
      const folder = await temporaryFolder();
      await make(join(folder, name));
      const opening = new FilePartialStore("boot-1", { nowMs: () => 0 }).open(
        join(folder, `${digest}.part`),
        "op-1",
        never,
      );
      await expect(opening).rejects.toMatchObject({
        code: "disk-error",
        message: `${join(folder, name)} is ${what}, not a file. Remove it, then request the update again.`,
      });
    }
    const staging = new StagingFolder(await temporaryFolder(), 0);
    await make(staging.stagedPath(digest));
    await expect(staging.verify(digest, never)).rejects.toMatchObject({
      code: "disk-error",
      message: expect.stringContaining(`${digest}.image is ${what}`),
    });
  },
);

it.each([
  ["ENOENT", "disk-error", "was unmounted"],
  ["ESTALE", "disk-error", "was unmounted"],
  ["ENOTDIR", "disk-error", "a file lies where"],
  ["EISDIR", "disk-error", "a folder lies where"],
  ["ERR_FS_EISDIR", "disk-error", "a folder lies where"],
  ["EPERM", "disk-error", "chattr -i"],
  ["EACCES", "disk-error", "the owner and the permissions"],
  ["EROFS", "disk-error", "read-only"],
  ["EUCLEAN", "disk-error", "worn out"],
  ["ENXIO", "disk-error", "worn out"],
  ["EBADF", "disk-error", "worn out"],
  ["ENOSPC", "no-space", "Free some space"],
  ["EDQUOT", "no-space", "Free some space"],
])("what the disk means by %s is said with the folder", async (code, ours, words) => {
  const refused = withDiskErrors("/images", async () => {
    throw Object.assign(new Error(`${code}: refused`), { code });
  });
  await expect(refused).rejects.toMatchObject({ code: ours, message: expect.stringContaining(words) });
  await expect(refused).rejects.toThrow("/images");
});

it("what no disk has said stays as it is", async () => {
  const fault = Object.assign(new TypeError("a fault"), { code: "ERR_INVALID_ARG_TYPE" });
  await expect(withDiskErrors("/images", async () => await Promise.reject(fault))).rejects.toBe(fault);
});
