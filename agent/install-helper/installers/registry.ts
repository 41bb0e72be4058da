import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { freeDiskBytes } from "../../board/fs/files.ts";
import type { BoardConfig } from "../../config/board-config.ts";
import type { Timer } from "../../lib/clock.ts";
import { AgentError } from "../../lib/errors.ts";
import { findOwnersProgram } from "../owners-program.ts";
import type { JournalLog } from "../ports.ts";
import { commandInstaller } from "./command.ts";
import { decompressBySocket } from "../archive/decompress.ts";
import type { HelperInstaller } from "./installer.ts";
import { releaseInstaller } from "./release/release.ts";
import { unitsViaRestartHelper } from "./release/units.ts";

/** What installers are made from. Nothing of it comes from the agent but the time limit. */
export interface InstallerContext {
  /** How long each step may take. */
  readonly limitMs: number;
  /** The path of root's copy of an image; undefined where it is not there. */
  readonly findCopy: (sha256: string) => Promise<string | undefined>;
  /** The file in which the owner names the program of `command`. */
  readonly permission: string;
  /** Whose files count as root's. */
  readonly owners: readonly number[];
  readonly log: JournalLog;
  readonly timer: Timer;
  readonly bootId: string;
  /** What the owner has written into board.conf. */
  readonly readConfig: () => Promise<BoardConfig>;
  /** The folder of releases, and that of requests to root's other helpers. */
  readonly folders: { readonly releases: string; readonly helpers: string };
  /** Of `release`: see ReleaseInstallerOptions. */
  readonly checkedImages: Set<string>;
}

/** Makes an installer; rejects with `installer-not-allowed` where the owner of this board does not let root use it. */
type Make = (context: InstallerContext) => Promise<HelperInstaller>;

/** The installers inside root's helper, by the names that settings and signed images use. */
const installers: Readonly<Record<string, Make>> = {
  async command({ permission, owners, limitMs, findCopy, log }) {
    const found = await findOwnersProgram(permission, owners);
    if ("refusal" in found) throw new AgentError("installer-not-allowed", found.refusal);
    return commandInstaller({ program: found.program, limitMs, findCopy, log });
  },
  async release({ readConfig, log, bootId, timer, folders, checkedImages }) {
    return releaseInstaller({
      folder: folders.releases,
      readConfig,
      log,
      bootId,
      checkedImages,
      freeBytes: freeDiskBytes,
      decompress: decompressBySocket({ folder: folders.helpers }),
      units: unitsViaRestartHelper({
        folder: join(folders.helpers, "restart"),
        bootId,
        timer,
        newId: randomUUID,
        uptimeSeconds: async () => Number.parseFloat(await readFile("/proc/uptime", "utf8")),
      }),
    });
  },
};

/** Undefined where there is no installer of this name. */
export async function makeInstaller(name: string, context: InstallerContext): Promise<HelperInstaller | undefined> {
  return Object.hasOwn(installers, name) ? await installers[name]?.(context) : undefined;
}
