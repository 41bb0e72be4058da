import { readFile, readdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { parseMemory, parsePowerSupply, parseWearPercent, type BoardMetrics } from "../../telemetry/metrics.ts";

export interface MetricsSources {
  /** A folder on the disk that is measured. */
  readonly folder: string;
  /** Reads the state of the power supply. */
  readonly power: () => Promise<{ readonly throttled: number | null; readonly lowVoltage: boolean | null }>;
  /** The folder above /proc and /sys. */
  readonly root?: string;
}

/** Reads the metrics from files of the kernel, about ten small ones; no program is run. */
export async function readMetrics({ folder, power, root = "/" }: MetricsSources): Promise<BoardMetrics> {
  const [celsius, { throttled, lowVoltage }, meminfo, disk, worn, load, uptime] = await Promise.all([
    hottestSensor(join(root, "sys/class/thermal")),
    power(),
    text(join(root, "proc/meminfo")),
    diskUsage(folder),
    worstStorageWear(join(root, "sys/block")),
    text(join(root, "proc/loadavg")),
    text(join(root, "proc/uptime")),
  ]);
  return {
    cpuCelsius: celsius,
    power: parsePowerSupply(throttled, lowVoltage),
    memory: parseMemory(meminfo),
    disk,
    storageWornPercent: worn,
    load: firstNumber(load),
    uptimeSeconds: floor(firstNumber(uptime)),
    agentBytes: process.memoryUsage.rss(),
  };
}

/** The highest temperature of all sensors, to a tenth of a degree. Impossible values of broken sensors are ignored. */
async function hottestSensor(folder: string): Promise<number | null> {
  const zones = (await names(folder)).filter((name) => name.startsWith("thermal_zone"));
  const read = await Promise.all(zones.map((zone) => text(join(folder, zone, "temp"))));
  const degrees = read.flatMap((millis) => firstNumber(millis) ?? []).map((millis) => Math.round(millis / 100) / 10);
  const possible = degrees.filter((one) => one > -60 && one < 150);
  return possible.length === 0 ? null : Math.max(...possible);
}

async function worstStorageWear(folder: string): Promise<number | null> {
  const cards = (await names(folder)).filter((name) => /^mmcblk\d+$/.test(name));
  const worn = await Promise.all(
    cards.map(async (card) => parseWearPercent(await text(join(folder, card, "device/life_time")))),
  );
  const known = worn.filter((one) => one !== null);
  return known.length === 0 ? null : Math.max(...known);
}

async function diskUsage(folder: string): Promise<BoardMetrics["disk"]> {
  try {
    const { blocks, bavail, bsize } = await statfs(folder);
    return { totalBytes: blocks * bsize, freeBytes: bavail * bsize };
  } catch {
    return null; // The folder is absent or not readable.
  }
}

/** The text of a file; empty where it is absent or cannot be read: boards differ in their sensors. */
async function text(path: string): Promise<string> {
  return await readFile(path, "utf8").catch(() => "");
}

async function names(folder: string): Promise<string[]> {
  return await readdir(folder).catch(() => []);
}

function firstNumber(line: string): number | null {
  const found = /^-?\d+(?:\.\d+)?/.exec(line)?.[0];
  return found === undefined ? null : Number(found);
}

function floor(value: number | null): number | null {
  return value === null ? null : Math.floor(value);
}
