import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { nodeDisk } from "../../../../../agent/board/fs/disk.ts";
import { removeTempFiles } from "../../../../../agent/board/fs/files.ts";
import { DiskReserveFile } from "../../../../../agent/board/fs/reserve-file.ts";
import { overriding } from "../../../../support/overriding.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

describe("the reserve", () => {
  it("takes room that is really taken, gives it free, and takes it again", async () => {
    const folder = await temporaryFolder();
    const reserve = new DiskReserveFile(folder);
    await reserve.refill();
    const { size, blocks } = await stat(join(folder, "state.reserve"));
    expect([size, blocks * 512 >= size]).toStrictEqual([262_144, true]);
    await reserve.release();
    expect(await readdir(folder)).toStrictEqual([]);
    await reserve.release();
    await reserve.refill();
    expect(await readdir(folder)).toStrictEqual(["state.reserve"]);
  });

  it("is written once, and anew where a power cut has torn it", async () => {
    const folder = await temporaryFolder();
    let creations = 0;
    const disk = overriding(nodeDisk, {
      create: async (path, mode) => {
        creations += 1;
        return await nodeDisk.create(path, mode);
      },
    });
    await new DiskReserveFile(folder, disk).refill();
    await new DiskReserveFile(folder, disk).refill();
    expect(creations).toBe(1);
    await writeFile(join(folder, "state.reserve"), "torn");
    await new DiskReserveFile(folder, disk).refill();
    expect([creations, (await stat(join(folder, "state.reserve"))).size]).toStrictEqual([2, 262_144]);
  });

  it("takes nothing of a disk that is as good as full", async () => {
    const folder = await temporaryFolder();
    const reserve = new DiskReserveFile(folder, nodeDisk, async () => 1_000_000);
    await expect(reserve.refill()).rejects.toMatchObject({ code: "ENOSPC" });
    expect(await readdir(folder)).toStrictEqual([]);
  });

  it("leaves no half of itself behind", async () => {
    const folder = await temporaryFolder();
    const disk = overriding(nodeDisk, {
      create: async (path, mode) => {
        const file = await nodeDisk.create(path, mode);
        return { ...file, sync: () => Promise.reject(new Error("EIO")) };
      },
    });
    await expect(new DiskReserveFile(folder, disk).refill()).rejects.toThrow("EIO");
    expect(await readdir(folder)).toStrictEqual([]);
  });
});

it("what a crash in a save has left is collected, and nothing that is not the agent's", async () => {
  const folder = await temporaryFolder();
  const others = ["config.last-good.json", "notes.new", "notes.tmp", "state.json", "state.previous.json", "trials"];
  for (const name of [
    ...others,
    "state.json.new",
    "state.previous.json.new",
    "trials.new",
    "history.json.new",
    "equipment.json.new",
    "config.last-good.json.new",
  ])
    await writeFile(join(folder, name), "");
  await removeTempFiles(folder);
  expect((await readdir(folder)).sort()).toStrictEqual(others);
});
