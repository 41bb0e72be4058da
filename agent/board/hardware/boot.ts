import { readFile } from "node:fs/promises";
import { isAbsent } from "../../lib/errors.ts";
import type { BootClock } from "../../lib/clock.ts";
import { ConfigError } from "../../config/load.ts";

/**
 * The kernel's boot id: another one than before is the only proof of a reboot on a board without a clock. One that is made up
 * would prove a reboot at every start of the agent, so where there is none the agent does not start.
 */
export async function readBootId(path = "/proc/sys/kernel/random/boot_id"): Promise<string> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    if (isAbsent(cause)) return "";
    throw cause;
  });
  const bootId = text.trim();
  if (bootId !== "") return bootId;
  throw new ConfigError([
    `${path}: the kernel's boot id is not there, and without it no reboot can be proven. Take ProcSubset=pid out of the agent's unit if it is there; on a machine without Linux, start with --simulate`,
  ]);
}

/** Linux counts CLOCK_MONOTONIC from boot: the same in every process of this boot, and no step of the clock moves it. */
export const kernelBootClock: BootClock = {
  nowMs: () => Math.round(Number(process.hrtime.bigint() / 1_000n) / 1_000),
};
