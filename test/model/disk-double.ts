import * as diskState from "./disk-state.ts";
import { createHash } from "node:crypto";
import { dirname } from "node:path";
import type { Disk } from "../../agent/board/fs/disk.ts";
import { AgentError } from "../../agent/lib/errors.ts";
import type { Image } from "../../agent/update/job.ts";
import type { StagingArea } from "../../agent/update/ports.ts";
import { stagingFolder } from "./disk-state.ts";
import { contentAt } from "./documents.ts";
import type { Scheduler } from "./scheduler.ts";

/* The agent's disk: its own small files, and the images. */

/** SHA-256 of a text, in hex. */
export const digest = (text: string): string => createHash("sha256").update(text).digest("hex");

/** The disk below the agent's own files. To create a file is a call; its other operations follow at once. */
export function makeDisk(scheduler: Scheduler): Disk {
  const change = (how: (disk: diskState.DiskState) => diskState.DiskState): void => scheduler.changeDisk(how);
  return {
    makeFolder: async (path) => {
      if (diskState.hasName(scheduler.environment.disk, path)) return undefined;
      change((disk) => diskState.makeFolder(disk, path));
      return path;
    },
    read: async (path) => {
      const content = diskState.contentOf(scheduler.environment.disk, path);
      if (content === undefined) throw Object.assign(new Error("ENOENT"), { code: "ENOENT" });
      return content;
    },
    create: async (path) => {
      if (scheduler.runOptions.fineSteps) await scheduler.schedule(`save ${path}`, false, () => undefined);
      else scheduler.trace.push(`save ${path}`);
      if (scheduler.isWriteFailing) throw Object.assign(new Error("EIO: the disk refused"), { code: "EIO" });
      change((disk) => diskState.create(disk, path));
      let at = path;
      return {
        write: async (content) => change((disk) => diskState.write(disk, at, String(content))),
        sync: async () => change((disk) => diskState.sync(disk, at)),
        close: async () => {
          at = path;
        },
      };
    },
    rename: async (from, to) => change((disk) => diskState.rename(disk, from, to)),
    link: async (path, second) => {
      if (!diskState.hasName(scheduler.environment.disk, path))
        throw Object.assign(new Error("ENOENT"), { code: "ENOENT" });
      change((disk) => diskState.link(disk, path, second));
    },
    remove: async (path) => change((disk) => diskState.remove(disk, path)),
    syncFolder: async (path) => change((disk) => diskState.syncFolder(disk, path)),
  };
}

/** How much of an image is read at once: two pieces are one. */
const chunkLength = 20;
const partial = (sha256: string): string => `${stagingFolder}/${sha256}.part`;
const staged = (sha256: string): string => `${stagingFolder}/${sha256}.image`;

/** Like ImageStagingFolder in agent/board; the content of an image is its address. */
export function makeStaging(scheduler: Scheduler): StagingArea {
  return {
    availableBytes: async () => 1_000_000,
    partialPath: async (sha256) => partial(sha256),
    stagedPath: staged,
    promote: (sha256) =>
      scheduler.schedule("scheduler", true, () => {
        if (diskState.hasName(scheduler.environment.disk, partial(sha256))) {
          scheduler.changeDisk((disk) => diskState.rename(disk, partial(sha256), staged(sha256)));
        } else if (!diskState.hasName(scheduler.environment.disk, staged(sha256))) {
          throw new AgentError("image-changed", "The staged image is gone.");
        }
        scheduler.changeDisk((disk) => diskState.syncFolder(disk, stagingFolder));
      }),
    verify: (sha256, signal) =>
      scheduler.schedule(
        "read image",
        true,
        () => {
          const content = diskState.contentOf(scheduler.environment.disk, staged(sha256));
          if (content === undefined || digest(content) !== sha256) {
            throw new AgentError("image-changed", "The staged image is not what it was.");
          }
        },
        signal,
      ),
    async *read(sha256, fromByte) {
      const content = diskState.contentOf(scheduler.environment.disk, staged(sha256)) ?? "";
      for (let at = fromByte; at < content.length; at += chunkLength)
        yield Buffer.from(content.slice(at, at + chunkLength));
    },
    discard: () => Promise.reject(new Error("No image is uploaded here.")),
    removeAllButPartial: (sha256) =>
      scheduler.schedule("keep partial", true, () => {
        clear(scheduler, [partial(sha256)]);
        return diskState.hasName(scheduler.environment.disk, partial(sha256)) ? 0 : null;
      }),
    removeAllExcept: (except) =>
      scheduler.schedule(except.length === 0 ? "clear staging" : "make room", true, () =>
        clear(
          scheduler,
          except.flatMap((sha256) => [partial(sha256), staged(sha256)]),
        ),
      ),
  };
}

function clear(scheduler: Scheduler, except: readonly string[]): void {
  for (const path of diskState.namesIn(scheduler.environment.disk, stagingFolder)) {
    if (!except.includes(path)) scheduler.changeDisk((disk) => diskState.remove(disk, path));
  }
  if (diskState.hasName(scheduler.environment.disk, stagingFolder)) {
    scheduler.changeDisk((disk) => diskState.syncFolder(disk, stagingFolder));
  }
}

/** A download whose file is synced: what was downloaded survives a power cut. */
export function fetchInto(scheduler: Scheduler, uri: string, path: string): Image {
  scheduler.observeAction("fetch");
  const content = contentAt(uri);
  if (!diskState.hasName(scheduler.environment.disk, stagingFolder)) {
    scheduler.changeDisk((disk) =>
      diskState.syncFolder(diskState.makeFolder(disk, stagingFolder), dirname(stagingFolder)),
    );
  }
  scheduler.changeDisk((disk) => diskState.create(disk, path));
  scheduler.changeDisk((disk) => diskState.write(disk, path, content));
  scheduler.changeDisk((disk) => diskState.syncFolder(diskState.sync(disk, path), stagingFolder));
  return { sha256: digest(content), sizeBytes: content.length };
}
