import { readFile } from "node:fs/promises";
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

/*
 * What a board is made of. systeminformation finds it out by running programs (lscpu, lsblk), so it is asked once per boot,
 * when nobody waits for it, and the answer is kept.
 */

const timeLimitMs = 30_000;
const mostOfAKind = 4;
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

/** The equipment as it was found last; undefined where nobody has looked, or the note of it cannot be read. */
export async function loadHardwareInfo(
  folder: string,
): Promise<{ readonly bootId: string; readonly equipment: HardwareInfo } | undefined> {
  try {
    const read = check(kept, JSON.parse(await readFile(pathIn(folder), "utf8")));
    return read.ok ? read.value : undefined;
  } catch {
    return undefined; // Not there, or damaged: it is found out anew, and a disk that refuses says so at the next save.
  }
}

export async function saveHardwareInfo(folder: string, bootId: string, equipment: HardwareInfo): Promise<void> {
  await replaceFile(pathIn(folder), `${JSON.stringify({ bootId, equipment })}\n`);
}

/**
 * Finds out what the board is made of. Rejects where that takes too long; what a board cannot tell is null or empty.
 * @param signal ends the waiting
 */
export async function probeHardwareInfo(timer: Timer, signal: AbortSignal): Promise<HardwareInfo> {
  const late = (): Error =>
    new Error(`lscpu or lsblk gave no answer within ${timeLimitMs / 1_000} s. Look at the board's processes.`);
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
      .slice(0, mostOfAKind)
      .map(({ name, model, size }) => ({ name: bounded(name) ?? "", model: bounded(model) ?? "", sizeBytes: size })),
    interfaces: interfaces(),
  };
}

/** Those that have an address now, without the addresses: those change, and are nobody's business in a twin. */
function interfaces(): HardwareInfo["interfaces"] {
  return Object.entries(networkInterfaces())
    .flatMap(([name, addresses]) => {
      const outer = addresses?.find(({ internal }) => !internal);
      return outer === undefined ? [] : [{ name: bounded(name) ?? "", mac: outer.mac }];
    })
    .slice(0, mostOfAKind);
}

function bounded(text: string): string | null {
  const clean = text.replaceAll(/[\s\p{Cc}]+/gu, " ").trim();
  return clean === "" ? null : truncateUtf8(clean, longestText);
}

function pathIn(folder: string): string {
  return join(folder, stateFileNames.hardwareInfo);
}
