import { readFile } from "node:fs/promises";
import { isAbsent } from "../../lib/errors.ts";
import type { BootClock } from "../../lib/clock.ts";
import { ConfigError } from "../../config/load.ts";

/**
 * The kernel's boot id: on a board without a clock, a changed boot id is the only proof of a reboot. An invented one would
 * prove a reboot at every start of the agent, so without a boot id the agent does not start.
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

/** CLOCK_MONOTONIC, which Linux counts from boot: the same in every process, and it never steps. */
export const kernelBootClock: BootClock = {
  nowMs: () => Math.round(Number(process.hrtime.bigint() / 1_000n) / 1_000),
};
