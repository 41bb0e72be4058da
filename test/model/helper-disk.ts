import type { CopyDisk } from "../../agent/install-helper/copy-disk.ts";
import type { Disk } from "../../agent/board/fs/disk.ts";
import * as diskState from "./disk-state.ts";
import type { Scheduler } from "./scheduler.ts";

/* The disk under root's helper: its copies of images, its ledger and the trust record, beside the agent's own files. */

/** What happens on behalf of a helper: at its step, unless the helper is dead by then. */
export type HelperStep = <T>(label: string, effect: () => T, signal?: AbortSignal) => Promise<T>;

const absent = (): Error => Object.assign(new Error("ENOENT"), { code: "ENOENT" });

/** To replace a file is one step: the helper's death in the middle of it leaves what a power cut leaves, which is tried everywhere. */
export function makeHelperFiles(scheduler: Scheduler, step: HelperStep): Disk {
  const change = (how: (disk: diskState.DiskState) => diskState.DiskState): void => scheduler.changeDisk(how);
  return {
    makeFolder: async () => undefined, // Its folders are there.
    link: () => Promise.reject(new Error("A helper makes no links.")),
    read: async (path) => {
      const content = diskState.contentOf(scheduler.environment.disk, path);
      if (content === undefined) throw absent();
      return content;
    },
    create: async (path) => {
      await step(`save ${path}`, () => change((disk) => diskState.create(disk, path)));
      return {
        write: async (content) => change((disk) => diskState.write(disk, path, String(content))),
        sync: async () => change((disk) => diskState.sync(disk, path)),
        close: async () => undefined,
      };
    },
    rename: async (from, to) => change((disk) => diskState.rename(disk, from, to)),
    remove: async (path) => change((disk) => diskState.remove(disk, path)),
    syncFolder: async (path) => change((disk) => diskState.syncFolder(disk, path)),
  };
}

/** Bytes are written when they arrive: their arrival is a step. */
export function makeCopyDisk(scheduler: Scheduler, step: HelperStep): CopyDisk {
  const files = makeHelperFiles(scheduler, step);
  const contentOf = (path: string): string | undefined => diskState.contentOf(scheduler.environment.disk, path);
  return {
    freeBytes: async () => 1e12,
    list: async (folder) =>
      diskState.namesIn(scheduler.environment.disk, folder).map((path) => path.slice(folder.length + 1)),
    sizeOf: async (path) => contentOf(path)?.length,
    digestInto: async (hash, path) => void hash.update(contentOf(path) ?? ""),
    append: async (path) => {
      const isNew = contentOf(path) === undefined;
      if (isNew) await step("create copy", () => scheduler.changeDisk((disk) => diskState.create(disk, path)));
      return {
        write: async (bytes) => {
          const more = Buffer.from(bytes).toString("latin1");
          scheduler.changeDisk((disk) => diskState.write(disk, path, (contentOf(path) ?? "") + more));
        },
        sync: async () => scheduler.changeDisk((disk) => diskState.sync(disk, path)),
        close: async () => undefined,
      };
    },
    makeReadOnly: () => step("keep copy", () => undefined),
    rename: (from, to) => files.rename(from, to),
    syncFolder: (folder) => files.syncFolder(folder),
    remove: async (path) => {
      if (contentOf(path) === undefined) return;
      await step("remove copy", () => scheduler.changeDisk((disk) => diskState.remove(disk, path)));
    },
  };
}
