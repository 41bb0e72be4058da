import { spawnSync } from "node:child_process";
import { createHash, randomInt } from "node:crypto";
import { copyFile, mkdir, open, readFile, readdir, readlink, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ReleaseFolder } from "../../../agent/install-helper/installers/release/folder.ts";
import { randomFrom } from "../../support/random.ts";
import type { Entry } from "./block-log.ts";
import { cutsOf, epochsOf, type Cut } from "./crash-states.ts";
import { bundledProgram, emptyDisk, fileSystemBytes, recordDisk, run, scratchFolder } from "./record.ts";
import { filesOf, releaseMarkIn, releaseOf, type ReleaseStep } from "./release-content.ts";
import type { ReleaseOrder } from "./release-writer.ts";
import type { SyncVariant } from "./sync-variants.ts";

const seed = Number(process.env["CUT_SEED"] ?? randomInt(2 ** 20));

/** Three proven releases, so that the oldest is removed; one that is left again; and one that is still on trial. */
const steps: readonly ReleaseStep[] = [
  ...["1", "2", "3"].flatMap((version) => (["install", "arm", "commit"] as const).map((verb) => ({ verb, version }))),
  ...(["install", "arm", "revert"] as const).map((verb) => ({ verb, version: "4" })),
  ...(["install", "arm"] as const).map((verb) => ({ verb, version: "5" })),
];

/** Where `current` may lead to after so many steps: what was so before, and what a step that has begun makes of it. */
function currentAfter(done: number, begun: number): (string | null)[] {
  const after = (count: number): string | null => {
    let [current, before]: (string | null)[] = [null, null];
    for (const { verb, version } of steps.slice(0, count)) {
      if (verb === "arm") [current, before] = [version, current ?? null];
      if (verb === "revert") current = before ?? null;
    }
    return current ?? null;
  };
  // More than one step may have been done before the next flush.
  return Array.from({ length: begun - done + 1 }, (_one, more) => after(done + more));
}

async function recordReleases(
  folder: string,
  habit: SyncVariant,
): Promise<{ before: string; entries: readonly Entry[] }> {
  const before = await emptyDisk(folder);
  const program = await bundledProgram(folder, "test/crash/power-cuts/release-writer.ts");
  const images = join(folder, "images");
  await mkdir(images);
  const entries = await recordDisk(folder, before, async (mounted, disk) => {
    await mkdir(join(mounted, "state"));
    await run("sync", []);
    const order: ReleaseOrder = {
      folder: join(mounted, "state"),
      images,
      disk,
      marksAtBytes: fileSystemBytes,
      habit,
      steps,
    };
    await run(process.execPath, [program, JSON.stringify(order)]);
  });
  return { before, entries };
}

/** What is wrong on a disk on which so many steps were done, and so many begun: one sentence each. */
async function findDamage(mounted: string, done: number, begun: number): Promise<string[]> {
  const place = join(mounted, "state");
  if (!(await readdir(mounted)).includes("state")) return done === 0 ? [] : ["there is no folder of releases"];
  const damage: string[] = [];
  const folder = new ReleaseFolder(place);
  const isWhole = async (version: string): Promise<boolean> => {
    for (const [name, content] of Object.entries(filesOf(version))) {
      const found = await readFile(join(place, "releases", version, name)).catch(() => Buffer.alloc(0));
      if (!found.equals(content)) return false;
    }
    return (await readlink(join(place, "releases", version, "run")).catch(() => "")) === "bin/app";
  };
  const check = async (when: string, allowed: readonly (string | null)[]): Promise<void> => {
    const link = await readlink(join(place, "current")).catch(() => null);
    const current = await folder.current();
    if (link !== null && current === null) damage.push(`${when}: current leads to ${link}, which is not there`);
    if (!allowed.includes(current)) damage.push(`${when}: current is ${current}, and may be ${allowed.join(" or ")}`);
    if (current !== null && !(await isWhole(current)))
      damage.push(`${when}: the current release ${current} is not whole`);
  };
  const allowed = currentAfter(done, begun);
  await check("after the cut", allowed);
  const names = await readdir(join(place, "releases")).catch(() => []);
  for (const name of names.filter((one) => /^\d$/.test(one))) {
    const digest = await folder.digestOf(name);
    if (digest === undefined) continue;
    if (digest !== createHash("sha256").update(releaseOf(name)).digest("hex")) damage.push(`${name} has another mark`);
    else if (!(await isWhole(name))) damage.push(`${name} is marked as whole, and is not`);
  }
  // Three starts of the board that prove nothing: it runs what was proven, or what it had.
  const trial = await folder.readTrial();
  if (trial === undefined) return damage; // It does nothing.
  for (const boot of ["b-1", "b-2", "b-3"]) {
    const env = { ...process.env, BOARDKEEPER_RELEASES: place, BOARDKEEPER_BOOT_ID: boot };
    const { status, stderr } = spawnSync("systemd/libexec/release-boot", { env, encoding: "utf8" });
    if (status !== 0) damage.push(`release-boot ended with ${status}: ${stderr}`);
  }
  await check("after three starts", [trial.before, ...allowed]);
  if ((await folder.readTrial())?.version === (await folder.current()))
    damage.push("the board has not gone back after three starts");
  return damage;
}

interface Replayed {
  readonly states: number;
  readonly broken: readonly string[];
}

/** Cuts the power between any two flushes, in some of the ways in which a disk may keep what came after the first. */
async function replayReleases(
  folder: string,
  { before, entries }: { readonly before: string; readonly entries: readonly Entry[] },
  { cutsPerFlush, drawnFlushes }: { readonly cutsPerFlush: number; readonly drawnFlushes: number },
): Promise<Replayed> {
  const random = randomFrom(seed);
  const flushed = join(folder, "flushed");
  await copyFile(before, flushed);
  const marksUntil = (last: number) => {
    let [done, begun] = [0, 0];
    for (const entry of entries.slice(0, last)) {
      if (entry.kind !== "write" || entry.atBytes < fileSystemBytes) continue;
      const mark = releaseMarkIn(entry.data);
      if (mark.is === "done") done = mark.step + 1;
      else begun = mark.step + 1;
    }
    return { done, begun };
  };
  const broken: string[] = [];
  let states = 0;
  const mountPoint = join(folder, "cut-mnt");
  await mkdir(mountPoint);
  const epochs = epochsOf(entries, ({ atBytes }) => atBytes < fileSystemBytes);
  for (const epoch of epochs) {
    const isDrawn = epoch.writes.length > 0 && random() < drawnFlushes / epochs.length;
    for (const cut of isDrawn ? cutsOf(epoch, cutsPerFlush, random) : []) {
      states += 1; // A new name for each, as in replay.ts.
      // The cut may have come at any time from its last write to the next flush: all that was done before the epoch counts.
      const { done } = marksUntil(cut.last);
      const { begun } = marksUntil(epoch.to);
      const path = await cutOff(flushed, `${folder}/cut-${states}`, cut);
      await run("mount", ["-t", "ext4", "-o", "loop", path, mountPoint]);
      try {
        const damage = await findDamage(mountPoint, done, begun);
        if (damage.length > 0) broken.push(`entry ${cut.last} of ${entries.length}: ${damage.join("; ")}`);
      } finally {
        await run("umount", [mountPoint]);
        await rm(path);
      }
    }
    const disk = await open(flushed, "r+");
    for (const { write } of epoch.writes) await disk.write(write.data, 0, write.data.length, write.atBytes);
    await disk.close();
  }
  return { states, broken };
}

async function cutOff(flushed: string, path: string, { pieces }: Cut): Promise<string> {
  await run("cp", ["--sparse=always", flushed, path]);
  const file = await open(path, "r+");
  for (const { atBytes, data } of pieces) await file.write(data, 0, data.length, atBytes);
  await file.close();
  return path;
}

describe("a power cut while releases are installed, switched and removed", () => {
  it("leaves current whole, and the board goes back from what is not proven", async () => {
    const folder = await scratchFolder();
    const { states, broken } = await replayReleases(folder, await recordReleases(folder, "careful"), {
      cutsPerFlush: 4,
      drawnFlushes: 80,
    });
    process.stdout.write(`power cuts: releases, seed ${seed}: ${states} disks, ${broken.length} broken\n`);
    expect(broken).toStrictEqual([]);
    expect(states).toBeGreaterThan(100);
  });

  it("is seen to lose something where folders are not synced", async () => {
    const folder = await scratchFolder();
    const { broken } = await replayReleases(folder, await recordReleases(folder, "syncs no folder"), {
      cutsPerFlush: 2,
      drawnFlushes: 60,
    });
    expect(broken.join("\n")).toMatch(/current is/);
  });
});
