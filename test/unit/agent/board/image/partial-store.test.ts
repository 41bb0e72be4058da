import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { nodeDisk } from "../../../../../agent/board/fs/disk.ts";
import { FilePartialStore } from "../../../../../agent/board/image/partial-store.ts";
import { overriding } from "../../../../support/overriding.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

const never = new AbortController().signal;
const source = { address: "https://images.example/x", validator: '"v1"' };

describe("an image on its way to the disk", () => {
  it("writes its record at most once in five seconds, however fast it comes", async () => {
    let nowMs = 0;
    const writtenAtMs: number[] = [];
    const disk = overriding(nodeDisk, {
      create: async (path, mode) => {
        writtenAtMs.push(nowMs);
        return await nodeDisk.create(path, mode);
      },
    });
    const files = new FilePartialStore("boot-1", { nowMs: () => nowMs }, { disk });
    const partial = await files.open(join(await temporaryFolder(), "x.part"), "op-1", never);
    const enoughForSync = Buffer.alloc(8 * 1_048_576);
    // Each second a reconnection that describes the image anew; in three of them so many bytes that they are synced.
    for (let second = 0; second < 60; second += 1) {
      await partial.setSource(1_000_000_000, { ...source, validator: `"v${second}"` });
      await partial.append(second % 20 === 1 ? enoughForSync : Buffer.from("x"));
      await partial.saveUsage({ ...partial.usage, fetchingMs: second });
      nowMs += 1_000;
    }
    const gapsMs = writtenAtMs.slice(1).map((atMs, index) => atMs - (writtenAtMs[index] ?? 0));
    expect(writtenAtMs.length).toBeGreaterThan(5);
    expect(Math.min(...gapsMs)).toBeGreaterThanOrEqual(5_000);
    await partial.close();
  });

  it("writes no record while it only waits, but for one in ten minutes", async () => {
    let nowMs = 0;
    let writes = 0;
    const disk = overriding(nodeDisk, {
      create: async (path, mode) => {
        writes += 1;
        return await nodeDisk.create(path, mode);
      },
    });
    const files = new FilePartialStore("boot-1", { nowMs: () => nowMs }, { disk });
    const partial = await files.open(join(await temporaryFolder(), "x.part"), "op-1", never);
    await partial.setSource(1_000, source);
    for (let minute = 1; minute <= 24 * 60; minute += 1) {
      nowMs = minute * 60_000;
      await partial.saveUsage({ ...partial.usage, fetchingMs: nowMs });
    }
    expect(writes).toBe(1 + 24 * 6);
    await partial.close();
  });

  it("ends when others fill the disk into what images never take", async () => {
    let freeBytes = 200;
    let nowMs = 0;
    const terms = { keepFreeBytes: 100, freeBytes: async () => freeBytes };
    const files = new FilePartialStore("boot-1", { nowMs: () => nowMs }, terms);
    const partial = await files.open(join(await temporaryFolder(), "x.part"), "op-1", never);
    const come = async (): Promise<void> => {
      nowMs += 30_000;
      await partial.append(Buffer.from("x"));
    };
    await come();
    freeBytes = 100;
    await come();
    freeBytes = 99;
    await expect(come()).rejects.toMatchObject({
      code: "no-space",
      message: expect.stringContaining("99 bytes are free, and 100 must stay free (update.keep-free)"),
    });
    await partial.close();
  });

  it.each<[string, string, number]>([
    ["of which nothing is known", "", 0],
    ["in a boot that did not write it", "boot-1", 3],
    ["in the boot that wrote it", "boot-2", 9],
  ])("is cut to what can be used of it: a file %s", async (_what, writtenIn, bytes) => {
    const path = join(await temporaryFolder(), "x.part");
    const spent = { operationId: "op-1", fetchingMs: 0, startOvers: 0, fetchedAgain: false };
    const record = { schema: 1, bootId: writtenIn, syncedBytes: 3, totalBytes: null, source, spent };
    await writeFile(path, "123456789");
    if (writtenIn !== "") await writeFile(`${path}.json`, JSON.stringify(record));
    const partial = await new FilePartialStore("boot-2", { nowMs: () => 0 }).open(path, "op-1", never);
    expect([partial.bytes, (await stat(path)).size]).toStrictEqual([bytes, bytes]);
    await partial.close();
  });
});
