import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { nodeDisk, type Disk } from "../../../agent/board/fs/disk.ts";

/** How a process treats its disk: as the agent does, or in a way that must be seen to lose something. */
export type SyncVariant = "careful" | "syncs no file" | "syncs no folder" | "writes in place";

/** Takes a sync away from everything that this process does from here on. */
export async function applyVariant(habit: SyncVariant, anyFolder: string): Promise<void> {
  if (habit !== "syncs no file" && habit !== "syncs no folder") return;
  const handle = await open(join(anyFolder, ".."), constants.O_RDONLY);
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const forgetsFolders = habit === "syncs no folder";
  for (const name of ["sync", "datasync"] as const) {
    // oxlint-disable-next-line typescript/unbound-method -- it is called on the handle that it belongs to
    const real = prototype[name];
    prototype[name] = async function (this: FileHandle): Promise<void> {
      if ((await this.stat()).isDirectory() !== forgetsFolders) await real.call(this);
    };
  }
}

/** For small files: as it is, or with new content written over the old. */
export function diskWith(habit: SyncVariant, disk = nodeDisk): Disk {
  if (habit !== "writes in place") return disk;
  return {
    ...disk,
    create: (path, mode) => disk.create(path.replace(/\.new$/, ""), mode),
    rename: () => Promise.resolve(),
  };
}
