import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { BootClock } from "../clock.ts";
import { isAbsent } from "./files.ts";

/**
 * The kernel's boot id: another one than before is the only proof of a reboot on a board without a clock. Where there is
 * none (a laptop without Linux) each process is a boot of its own.
 */
export async function readBootId(path = "/proc/sys/kernel/random/boot_id"): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (cause) {
    if (isAbsent(cause)) return randomUUID();
    throw cause;
  }
}

/** Linux counts CLOCK_MONOTONIC from boot: the same in every process of this boot, and no step of the clock moves it. */
export const kernelBootClock: BootClock = {
  nowMs: () => Math.round(Number(process.hrtime.bigint() / 1_000n) / 1_000),
};
