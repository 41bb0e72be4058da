import { createHash } from "node:crypto";
import { dirname } from "node:path";
import type { Disk } from "../../agent/board/fs/disk.ts";
import { AgentError } from "../../agent/lib/errors.ts";
import type { Image } from "../../agent/update/job.ts";
import type { Staging } from "../../agent/update/ports.ts";
import * as platter from "./disk-state.ts";
import { stagingFolder } from "./folders.ts";
import type { Stage } from "./scheduler.ts";

/* What lies on the disk of an agent: its own small files, and the images. */

/** SHA-256 of a text, in hex. */
export const digest = (text: string): string => createHash("sha256").update(text).digest("hex");

/** The disk under the agent's own files. To write one is a call; the steps of it follow each other at once. */
export function diskOf(stage: Stage): Disk {
  const change = (how: (disk: platter.DiskState) => platter.DiskState): void => stage.changeDisk(how);
  return {
    makeFolder: async (path) => {
      if (platter.hasName(stage.world.disk, path)) return undefined;
      change((disk) => platter.makeFolder(disk, path));
      return path;
    },
    read: async (path) => {
      const content = platter.contentOf(stage.world.disk, path);
      if (content === undefined) throw Object.assign(new Error("ENOENT"), { code: "ENOENT" });
      return content;
    },
    create: async (path) => {
      if (stage.grain.isFine) await stage.call(`save ${path}`, false, () => undefined);
      else stage.labels.push(`save ${path}`);
      if (stage.isRefused) throw Object.assign(new Error("EIO: the disk refused"), { code: "EIO" });
      change((disk) => platter.create(disk, path));
      let at = path;
      return {
        write: async (content) => change((disk) => platter.write(disk, at, String(content))),
        sync: async () => change((disk) => platter.sync(disk, at)),
        close: async () => {
          at = path;
        },
      };
    },
    rename: async (from, to) => change((disk) => platter.rename(disk, from, to)),
    link: async (path, second) => {
      if (!platter.hasName(stage.world.disk, path)) throw Object.assign(new Error("ENOENT"), { code: "ENOENT" });
      change((disk) => platter.link(disk, path, second));
    },
    remove: async (path) => change((disk) => platter.remove(disk, path)),
    syncFolder: async (path) => change((disk) => platter.syncFolder(disk, path)),
  };
}

const partial = (sha256: string): string => `${stagingFolder}/${sha256}.part`;
const staged = (sha256: string): string => `${stagingFolder}/${sha256}.image`;

/** As FolderStaging does it; an image's content is its address. */
export function stagingOf(stage: Stage): Staging {
  return {
    roomBytes: async () => 1_000_000,
    partialPath: async (sha256) => partial(sha256),
    stagedPath: staged,
    admit: (sha256) =>
      stage.call("stage", true, () => {
        if (platter.hasName(stage.world.disk, partial(sha256))) {
          stage.changeDisk((disk) => platter.rename(disk, partial(sha256), staged(sha256)));
        } else if (!platter.hasName(stage.world.disk, staged(sha256))) {
          throw new AgentError("image-changed", "The staged image is gone.");
        }
        stage.changeDisk((disk) => platter.syncFolder(disk, stagingFolder));
      }),
    verify: (sha256, signal) =>
      stage.call(
        "read image",
        true,
        () => {
          const content = platter.contentOf(stage.world.disk, staged(sha256));
          if (content === undefined || digest(content) !== sha256) {
            throw new AgentError("image-changed", "The staged image is not what it was.");
          }
        },
        signal,
      ),
    keepPartial: (sha256) =>
      stage.call("keep partial", true, () => {
        clear(stage, [partial(sha256)]);
        return platter.hasName(stage.world.disk, partial(sha256)) ? 0 : null;
      }),
    clear: (except) =>
      stage.call(except.length === 0 ? "clear staging" : "make room", true, () =>
        clear(
          stage,
          except.flatMap((sha256) => [partial(sha256), staged(sha256)]),
        ),
      ),
  };
}

function clear(stage: Stage, except: readonly string[]): void {
  for (const path of platter.namesIn(stage.world.disk, stagingFolder)) {
    if (!except.includes(path)) stage.changeDisk((disk) => platter.remove(disk, path));
  }
  if (platter.hasName(stage.world.disk, stagingFolder)) {
    stage.changeDisk((disk) => platter.syncFolder(disk, stagingFolder));
  }
}

/** Keeps the fetcher's promise: what it has fetched survives a power cut. */
export function fetchOnto(stage: Stage, uri: string, path: string): Image {
  stage.act("fetch");
  if (!platter.hasName(stage.world.disk, stagingFolder)) {
    stage.changeDisk((disk) => platter.syncFolder(platter.makeFolder(disk, stagingFolder), dirname(stagingFolder)));
  }
  stage.changeDisk((disk) => platter.create(disk, path));
  stage.changeDisk((disk) => platter.write(disk, path, uri));
  stage.changeDisk((disk) => platter.syncFolder(platter.sync(disk, path), stagingFolder));
  return { sha256: digest(uri), sizeBytes: uri.length };
}
