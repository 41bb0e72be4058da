import { networkInterfaces } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { type Timer } from "../../lib/clock.ts";
import { withDeadline } from "../../lib/abort.ts";
import { check } from "../../contract/check.ts";
import { truncateUtf8 } from "../../contract/safe-text.ts";
import type { HardwareInfo } from "../../contract/snapshot.ts";
import { stateFileNames } from "../../config/paths.ts";
import { replaceFile } from "../fs/files.ts";
import { readRegularFile } from "../../lib/regular-file.ts";

/*
 * The hardware of a board. systeminformation runs programs (lscpu, lsblk), so it is used once per boot, when nobody waits for
 * it, and the result is saved.
 */

const timeLimitMs = 30_000;
const maxListLength = 4;
const longestText = 60;

const nullableText = v.nullable(v.string());
const kept = v.object({
  bootId: v.string(),
  equipment: v.object({
    cpu: nullableText,
    cores: v.nullable(v.number()),
    disks: v.array(v.object({ name: v.string(), model: v.string(), sizeBytes: v.number() })),
    interfaces: v.array(v.object({ name: v.string(), mac: v.string() })),
  }),
});

/** The saved hardware info; undefined where there is none, or it cannot be read. */
export async function loadHardwareInfo(
  folder: string,
): Promise<{ readonly bootId: string; readonly equipment: HardwareInfo } | undefined> {
  try {
    const read = check(kept, JSON.parse(await readRegularFile(pathIn(folder))));
    return read.ok ? read.value : undefined;
  } catch {
    return undefined; // Absent or damaged: it is probed again. A disk error is reported at the next save.
  }
}

export async function saveHardwareInfo(folder: string, bootId: string, hardware: HardwareInfo): Promise<void> {
  await replaceFile(pathIn(folder), `${JSON.stringify({ bootId, equipment: hardware })}\n`);
}

/**
 * Probes the hardware. Rejects after 30 s, and when the signal aborts; what is unknown is null or empty.
 */
export async function probeHardwareInfo(timer: Timer, signal: AbortSignal): Promise<HardwareInfo> {
  const late = (): Error =>
    new Error(`lscpu or lsblk gave no answer within ${timeLimitMs / 1_000} s. Check the board's processes.`);
  return await withDeadline(ask(), { timer, withinMs: timeLimitMs, late, signal });
}

async function ask(): Promise<HardwareInfo> {
  // CommonJS: in a bundle in pieces it has no other export than its default.
  const { default: system } = await import("systeminformation");
  const { manufacturer, brand, cores } = await system.cpu();
  const devices = await system.blockDevices();
  return {
    cpu: bounded(`${manufacturer} ${brand}`),
    cores: cores > 0 ? cores : null,
    disks: devices
      .filter(({ type, size, name }) => type === "disk" && size > 0 && !/^(?:zram|ram|loop)/.test(name))
      .slice(0, maxListLength)
      .map(({ name, model, size }) => ({ name: bounded(name) ?? "", model: bounded(model) ?? "", sizeBytes: size })),
    interfaces: interfaces(),
  };
}

/** Interfaces that have an address now. Without the addresses: they change, and are private. */
function interfaces(): HardwareInfo["interfaces"] {
  return Object.entries(networkInterfaces())
    .flatMap(([name, addresses]) => {
      const outer = addresses?.find(({ internal }) => !internal);
      return outer === undefined ? [] : [{ name: bounded(name) ?? "", mac: outer.mac }];
    })
    .slice(0, maxListLength);
}

function bounded(text: string): string | null {
  const clean = text.replaceAll(/[\s\p{Cc}]+/gu, " ").trim();
  return clean === "" ? null : truncateUtf8(clean, longestText);
}

function pathIn(folder: string): string {
  return join(folder, stateFileNames.hardwareInfo);
}
