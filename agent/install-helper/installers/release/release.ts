import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { BoardConfig } from "../../../config/board-config.ts";
import { ArchiveRefused } from "../../../contract/archive-rules.ts";
import { describeDiskError, isDiskFull } from "../../../lib/disk-errors.ts";
import { AgentError, errorMessage, isSystemError } from "../../../lib/errors.ts";
import type { Decompress } from "../../archive/content.ts";
import { checkArchive, sealFolders, unpackArchive, type Archive } from "../../archive/unpack.ts";
import type { JournalLog } from "../../ports.ts";
import type { HelperInstaller, VerifiedFile, VerifiedImage } from "../installer.ts";
import { ReleaseFolder } from "./folder.ts";
import type { OwnersUnits } from "./units.ts";

export interface ReleaseInstallerOptions {
  /** /var/lib/boardkeeper-release. */
  readonly folder: string;
  /** What the owner has written into board.conf. Read only where it is needed: a mistake in it must not hide which version runs. */
  readonly readConfig: () => Promise<Pick<BoardConfig, "releaseUnits" | "releaseKeep">>;
  readonly units: OwnersUnits;
  readonly decompress: Decompress;
  /** Free bytes on the disk of a folder. */
  readonly freeBytes: (folder: string) => Promise<number>;
  readonly log: JournalLog;
  readonly bootId: string;
  /** Digests of images whose archives this process has checked: root's own copy of them does not change. */
  readonly checkedImages: Set<string>;
}

/** Bytes that stay free for the agent's state and for logs: the usual update.keep-free. */
const keepFreeBytes = 64 * 1_048_576;
/** A unit that has run for a shorter time may be one that fails again and again. */
const steadySeconds = 5;

/**
 * For boards with one root file system: an image is an archive that becomes a folder beside the others, and a link leads to the one that
 * runs. docs/installers.md explains it to owners, docs/decisions/022-releases.md gives the reasons.
 */
export function releaseInstaller(options: ReleaseInstallerOptions): HelperInstaller {
  const { units, readConfig, checkedImages, bootId } = options;
  const folder = new ReleaseFolder(options.folder);

  const onDisk = async <T>(operation: () => Promise<T>): Promise<T> =>
    await withReleaseErrors(options.folder, operation);

  /** Whether the release is there already. */
  const isThere = async ({ version, sha256 }: VerifiedImage): Promise<boolean> => {
    const digest = await folder.digestOf(version);
    if (digest === sha256) return true;
    if ((await folder.current()) !== version) return false;
    throw new AgentError(
      "version-in-use",
      `The board runs another image under the version ${version}. Publish this one with a version of its own.`,
    );
  };

  const checkFits = async (archive: Archive, signal: AbortSignal): Promise<void> => {
    const { diskBytes, entries } = await checkArchive(archive, signal);
    const free = await options.freeBytes(options.folder);
    if (free >= diskBytes + keepFreeBytes) return;
    throw new AgentError(
      "no-space",
      `The release needs ${diskBytes} bytes in ${options.folder} for its ${entries} files and folders, besides ${keepFreeBytes} that must stay free, and the disk has ${free}. Free some space, or lower release.keep in board.conf; then request the update again.`,
    );
  };

  const prepare = async (image: VerifiedFile, signal: AbortSignal): Promise<void> => {
    if ((await readConfig()).releaseUnits.length === 0)
      throw new AgentError(
        "installer-not-allowed",
        "The owner of this board has not said which units run a release. Write release.units = app.service, or what they are called, into /etc/boardkeeper/board.conf, as root.",
      );
    await folder.prepare();
    if (checkedImages.has(image.sha256) || (await isThere(image))) return;
    await checkFits(await archiveOf(image, options), signal);
    checkedImages.add(image.sha256);
  };

  const goBackTo = async (before: string | null, signal: AbortSignal): Promise<void> => {
    if (before !== null && (await folder.digestOf(before)) === undefined)
      throw new AgentError(
        "installer-failed",
        `The release before, ${before}, is no longer in ${options.folder}. Install a good release.`,
      );
    await folder.switchBack(before);
    if (before === null) await units.stop(signal);
    else await units.restart(signal);
  };

  /** Removes what is neither proven nor to be kept. The next commit does it again. */
  const removeOthers = async (): Promise<void> => {
    try {
      const { releaseKeep } = await readConfig();
      // The one before too, however few are to be kept.
      const kept = new Set((await folder.readProven()).slice(-Math.max(2, releaseKeep)));
      for (const one of await folder.versions()) if (!kept.has(one)) await folder.remove(one);
      await folder.prepare();
    } catch (cause) {
      options.log(4, `release commit: done, but former releases were not removed: ${errorMessage(cause)}`);
    }
  };

  return {
    name: "release",
    restart: "service",
    prepare: (image, signal) => onDisk(async () => await prepare(image, signal)),
    install: (image, signal) =>
      onDisk(async () => {
        await prepare(image, signal);
        if (await isThere(image)) return;
        try {
          const folders = await unpackArchive(await archiveOf(image, options), folder.unpackedPath, signal);
          await sealFolders(folders);
          await syncFileSystem(folder.unpackedPath, signal);
        } catch (cause) {
          await folder.prepare(); // Removes what was unpacked.
          throw cause;
        }
        await folder.addUnpacked(image.version, image.sha256);
      }),
    arm: (image, signal) =>
      onDisk(async () => {
        const { version, operationId } = image;
        const fallenBack = await folder.readFallenBack();
        if (fallenBack?.operationId === operationId) throw fellBack(version);
        if (!(await isThere(image)))
          throw new AgentError(
            "installer-failed",
            `The release ${version} is not installed. Request the update again.`,
          );
        const trial = await folder.readTrial();
        const current = await folder.current();
        // An update that was never proven, such as one whose agent was taken away: the release before it is the one to go back to.
        const isOnTrial = trial !== undefined && trial.version === current;
        const isThisOne = trial?.operationId === operationId && trial.version === version;
        const before = isOnTrial || isThisOne ? trial.before : current;
        const boots = isThisOne ? trial.boots : 0;
        await folder.prepareBack(before);
        await folder.writeTrial({ operationId, version, before, bootId, boots });
        await folder.removeFallenBack();
        await folder.switchTo(version);
        await units.restart(signal);
      }),
    runningVersion: () => onDisk(async () => await folder.current()),
    healthy: (image, signal) =>
      onDisk(async () => {
        if ((await folder.current()) !== image.version) throw fellBack(image.version);
        for (const { name, state, activeSeconds } of await units.states(signal)) {
          if (state !== "active")
            throw new AgentError("not-proven", `${name} is ${state}. Its log says why: journalctl -u ${name}`);
          if (activeSeconds < steadySeconds)
            throw new AgentError(
              "not-proven",
              `${name} started ${activeSeconds} s ago; it counts as healthy after ${steadySeconds} s. Its log says whether it ends again and again: journalctl -u ${name}`,
            );
        }
      }),
    commit: (image) =>
      onDisk(async () => {
        const { version } = image;
        const current = await folder.current();
        if (current !== version)
          throw new AgentError(
            "installer-failed",
            `The release ${version} cannot be committed: ${current ?? "none"} is the current one. Request the update again.`,
          );
        const trial = await folder.readTrial();
        const before = trial?.version === version ? trial.before : null;
        await folder.addProven(...(before === null ? [] : [before]), version);
        // The commit itself: a revert finds nothing to undo from now on. So nothing may fail afterwards.
        await folder.removeTrial();
        await removeOthers();
      }),
    revert: (image, signal) =>
      onDisk(async () => {
        const trial = await folder.readTrial();
        if (trial?.operationId !== image.operationId) {
          // Another update's, or none: this one has switched nothing, or the board has gone back while it started.
          if ((await folder.current()) !== image.version) return;
          throw new AgentError(
            "installer-failed",
            `The release ${image.version} is committed, so there is no way back to the one before. Install a good release.`,
          );
        }
        await goBackTo(trial.before, signal);
        await folder.removeTrial();
      }),
  };
}

async function archiveOf({ path, target }: VerifiedFile, options: ReleaseInstallerOptions): Promise<Archive> {
  const free = Math.max(0, (await options.freeBytes(options.folder)) - keepFreeBytes);
  if (target !== undefined && target.contentSize > free)
    throw new AgentError(
      "no-space",
      `The release unpacks to ${target.contentSize} bytes in ${options.folder}, besides ${keepFreeBytes} that must stay free, and the disk has ${free + keepFreeBytes}. Free some space, or lower release.keep in board.conf; then request the update again.`,
    );
  const signed = target && { sizeBytes: target.contentSize, sha256: target.contentSha256 };
  return { path, limits: { maxBytes: free, signed }, decompress: options.decompress };
}

/** One flush for all: one for each file would take minutes on a card. */
async function syncFileSystem(folder: string, signal: AbortSignal): Promise<void> {
  try {
    await promisify(execFile)("sync", ["--file-system", folder], { signal });
  } catch (cause) {
    signal.throwIfAborted();
    const message = `The release in ${folder} cannot be written to the disk: ${errorMessage(cause).trim()}. Check the board's disk.`;
    throw new AgentError("disk-error", message, { cause });
  }
}

function fellBack(version: string): AgentError {
  return new AgentError(
    "fell-back",
    `The board went back from the release ${version} while it started, because it had started twice without proving it. Test the release on a board at hand.`,
  );
}

/** Turns what an archive or the disk refuses into errors with a code of ours. */
async function withReleaseErrors<T>(folder: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (cause) {
    if (cause instanceof ArchiveRefused) throw new AgentError(cause.code, cause.message, { cause });
    if (cause instanceof AgentError || !isSystemError(cause)) throw cause;
    throw new AgentError(
      isDiskFull(cause) ? "no-space" : "disk-error",
      `The release cannot be written or read in ${folder}: ${describeDiskError(cause)}`,
      { cause },
    );
  }
}
