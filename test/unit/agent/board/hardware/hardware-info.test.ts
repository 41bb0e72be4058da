import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { systemTimer } from "../../../../../agent/board/hardware/clocks.ts";
import {
  probeHardwareInfo,
  saveHardwareInfo,
  loadHardwareInfo,
} from "../../../../../agent/board/hardware/hardware-info.ts";
import type { HardwareInfo } from "../../../../../agent/contract/snapshot.ts";
import { FakeBoard } from "../../../../support/fake-board.ts";
import { FakeHub } from "../../../../support/fake-hub.ts";
import { settle } from "../../../../support/fake-time.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

const equipment: HardwareInfo = {
  cpu: "ARM Cortex-A72",
  cores: 4,
  disks: [{ name: "mmcblk0", model: "", sizeBytes: 31_268_536_320 }],
  interfaces: [{ name: "eth0", mac: "dc:a6:32:00:00:01" }],
};

describe("what a board is made of", () => {
  it("is found out, bounded, and without what changes", async () => {
    const found = await probeHardwareInfo(systemTimer, new AbortController().signal);
    expect(Object.keys(found)).toStrictEqual(["cpu", "cores", "disks", "interfaces"]);
    for (const list of [found.disks, found.interfaces]) expect(list.length).toBeLessThanOrEqual(4);
    for (const { sizeBytes, name } of found.disks) {
      expect(sizeBytes).toBeGreaterThan(0);
      expect(name).not.toMatch(/^(zram|ram|loop|\s*$)/);
    }
    for (const { mac } of found.interfaces) expect(mac).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
    expect(Buffer.byteLength(JSON.stringify(found))).toBeLessThan(2_000);
  });

  it("is not waited for by an agent that stops", async () => {
    await expect(probeHardwareInfo(systemTimer, AbortSignal.abort())).rejects.toThrow("abort");
  });

  it("is kept with the boot in which it was found", async () => {
    const folder = await temporaryFolder();
    expect(await loadHardwareInfo(folder)).toBeUndefined();
    await saveHardwareInfo(folder, "boot-1", equipment);
    expect(await loadHardwareInfo(folder)).toStrictEqual({ bootId: "boot-1", equipment });
  });

  it.each(["{", '{"bootId":"boot-1"}', '{"bootId":1,"equipment":null}'])("is found out anew after %j", async (text) => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "equipment.json"), text);
    expect(await loadHardwareInfo(folder)).toBeUndefined();
  });

  it("is reported when it is known, and nothing waits for that", async () => {
    let resolveFound: (found: HardwareInfo) => void = () => undefined;
    const found = new Promise<HardwareInfo>((resolve) => (resolveFound = resolve));
    const hub = new FakeHub();
    const board = new FakeBoard(hub, { equipment: () => found });
    await board.powerOn();
    expect(hub.at("boardkeeper.update.phase")).toBe("idle");
    expect(hub.at("boardkeeper.board.equipment")).toBeUndefined();
    resolveFound(equipment);
    await settle();
    expect(hub.at("boardkeeper.board.equipment")).toStrictEqual(equipment);
  });

  it("is left out where it cannot be found out, and the board works on", async () => {
    const hub = new FakeHub();
    const board = new FakeBoard(hub, { equipment: () => Promise.reject(new Error("no lsblk")) });
    await board.powerOn();
    expect((await hub.call("getStatus", null)).status).toBe(200);
    expect(hub.at("boardkeeper.board.equipment")).toBeUndefined();
  });
});
