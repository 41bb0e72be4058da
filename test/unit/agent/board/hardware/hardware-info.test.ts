import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
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

/** A program beside which a probe lies that runs this code. */
async function programWithProbe(code: string): Promise<string> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "agent"));
  await writeFile(join(folder, "agent/hardware-probe.mjs"), code);
  return join(folder, "boardkeeper-agent.mjs");
}

describe("what a board is made of", () => {
  it("is what a process of its own answers, which gets no secret of the agent's environment", async () => {
    vi.stubEnv("IOTHUB_DEVICE_CONNECTION_STRING", "secret");
    const found = { ...equipment, cpu: "PATH" };
    const program = await programWithProbe(
      `console.log(JSON.stringify({ ...${JSON.stringify(equipment)}, cpu: Object.keys(process.env).join() }))`,
    );
    expect(await probeHardwareInfo(program, new AbortController().signal)).toStrictEqual(found);
  });

  it.each([
    ["an answer that is none", "console.log('{}')", "The hardware probe's answer is not valid"],
    ["a probe that ends with an error", "throw new Error('no lsblk')", "no lsblk"],
  ])("is not known after %s", async (_, code, message) => {
    const program = await programWithProbe(code);
    await expect(probeHardwareInfo(program, new AbortController().signal)).rejects.toThrow(message);
  });

  it("is not waited for by an agent that stops", async () => {
    const program = await programWithProbe("setInterval(() => {}, 1e9)");
    await expect(probeHardwareInfo(program, AbortSignal.abort())).rejects.toThrow("abort");
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
