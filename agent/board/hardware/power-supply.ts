import { execFile } from "node:child_process";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { PowerSupplyFacts } from "../probes/facts.ts";

const run = promisify(execFile);

/**
 * The power supply of a Raspberry Pi: the firmware's throttling bits, from the kernel's file or from vcgencmd (needs root or the
 * group video), and the kernel's undervoltage alarm.
 */
export async function probePowerSupply(
  hwmon = "/sys/class/hwmon",
  firmware = "/sys/devices/platform/soc/soc:firmware/get_throttled", // github.com/raspberrypi/linux/pull/2397
): Promise<PowerSupplyFacts> {
  return { throttled: (await readBits(firmware)) ?? (await askFirmware()), lowVoltage: await readAlarm(hwmon) };
}

async function readBits(path: string): Promise<number | null> {
  const text = await readFile(path, "utf8").catch(() => ""); // Not a Raspberry Pi, or another kernel.
  return /^(?:0x)?[0-9a-f]{1,8}$/i.test(text.trim()) ? Number.parseInt(text, 16) : null;
}

async function askFirmware(): Promise<number | null> {
  try {
    const { stdout } = await run("vcgencmd", ["get_throttled"], { timeout: 5_000 });
    const bits = /^throttled=(0x[0-9a-f]+)/i.exec(stdout)?.[1];
    return bits === undefined ? null : Number(bits);
  } catch {
    return null; // Not a Raspberry Pi, or not allowed for this user.
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
    return null; // No such sensor.
  }
}
