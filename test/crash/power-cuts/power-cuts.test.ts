import { randomInt } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { SyncVariant } from "./sync-variants.ts";
import { nothingDurable, durableAfterPowerCut } from "./durability-spec.ts";
import { emptyDisk, record, scratchFolder, type StartingPoint } from "./record.ts";
import { replay } from "./replay.ts";

// Another history each time; CUT_SEED brings the order of an earlier one back, as far as real processes can be.
const seed = Number(process.env["CUT_SEED"] ?? randomInt(2 ** 20));

async function newDisk(folder: string): Promise<StartingPoint> {
  const progress = { life: 0, number: 0, image: null };
  return { before: await emptyDisk(folder), promised: nothingDurable, progress, bootId: "boot-1" };
}

describe("a power cut at any moment", () => {
  it("leaves all that was promised, also on a disk that had one before, or that refuses direct writes", async () => {
    const folder = await scratchFolder();
    let beginning = await newDisk(folder);
    let [states, parts, largestKeptBytes] = [0, 0, 0];
    for (let boot = 1; boot <= 3; boot += 1) {
      const recording = await record(folder, beginning, {
        seed,
        habit: "careful",
        lives: 3,
        refusesDirectWrites: boot === 2,
      });
      const begunMs = performance.now();
      const replayed = await replay(folder, recording, { partsPerFlush: 4, drawnFlushes: 150 });
      const { entries, flushes, broken, picked } = replayed;
      states += replayed.states;
      parts += replayed.parts;
      largestKeptBytes = Math.max(largestKeptBytes, replayed.largestKeptBytes);
      const seconds = Math.round((performance.now() - begunMs) / 1_000);
      const line = {
        seed,
        boot,
        requests: entries,
        flushes,
        states: replayed.states,
        parts: replayed.parts,
        largestKeptBytes,
        seconds,
      };
      process.stdout.write(`power cuts: ${JSON.stringify(line)}\n`);
      expect(broken).toStrictEqual([]);
      if (picked === undefined) throw new Error("There was nothing to cut off.");
      const { after } = recording;
      beginning = {
        before: picked.path,
        promised: durableAfterPowerCut(picked.found, after.image),
        progress: { ...after, number: after.number + 1_000 },
        bootId: `boot-${boot + 1}`,
      };
    }
    process.stdout.write(
      `power cuts: ${states} distinct disks, ${parts} of them in the middle of a write: none broken\n`,
    );
    expect(states).toBeGreaterThanOrEqual(1_000);
    expect(largestKeptBytes).toBeGreaterThan(8 * 2 ** 20); // Or the sync after each 8 MiB was not among it.
  });

  /* What each habit costs at least: which of the promises are broken somewhere. */
  it.each<[SyncVariant, RegExp[]]>([
    ["syncs no file", [/state: damaged/, /trials: /, /image \d+: /, /trust: damaged/]],
    ["syncs no folder", [/state: found \d+, \d+ was kept/, /trials: found \d+/, /floor: found \d+, \d+ was kept/]],
    ["writes in place", [/state: damaged/, /trust: damaged/]],
  ])("is seen to lose something where a writer %s", async (habit, losses) => {
    const folder = await scratchFolder();
    const recording = await record(folder, await newDisk(folder), { seed, habit, lives: 3 });
    const { states, broken } = await replay(folder, recording, { partsPerFlush: 3, drawnFlushes: 40 });
    process.stdout.write(`power cuts: a writer that ${habit}: ${broken.length} of ${states} disks are broken\n`);
    for (const loss of losses) expect(broken.join("\n")).toMatch(loss);
  });
});
