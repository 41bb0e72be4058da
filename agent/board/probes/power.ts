import { execFile } from "node:child_process";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { PowerFacts } from "../../doctor/power.ts";

const run = promisify(execFile);

/**
 * The supply of a Raspberry Pi: its firmware's bits, and the kernel's alarm where the firmware cannot be asked (that takes
 * root or the group video).
 */
export async function lookAtPower(hwmon = "/sys/class/hwmon"): Promise<PowerFacts> {
  return { throttled: await askFirmware(), lowVoltage: await readAlarm(hwmon) };
}

async function askFirmware(): Promise<number | null> {
  try {
    const { stdout } = await run("vcgencmd", ["get_throttled"], { timeout: 5_000 });
    const bits = /^throttled=(0x[0-9a-f]+)/i.exec(stdout)?.[1];
    return bits === undefined ? null : Number(bits);
  } catch {
    return null; // Another board, or not for this user.
  }
}

async function readAlarm(hwmon: string): Promise<boolean | null> {
  try {
    for (const name of await readdir(hwmon)) {
      const kind = await readFile(join(hwmon, name, "name"), "utf8");
      if (kind.trim() === "rpi_volt")
        return (await readFile(join(hwmon, name, "in0_lcrit_alarm"), "utf8")).trim() === "1";
    }
    return null;
  } catch {
    return null; // A board without such sensors.
  }
}
