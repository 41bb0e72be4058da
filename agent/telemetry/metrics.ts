/** The health of a board, as far as the kernel reports it without a program being run. What it does not report is null. */
export interface BoardMetrics {
  readonly cpuCelsius: number | null;
  readonly power: PowerSupply | null;
  readonly memory: { readonly totalBytes: number; readonly availableBytes: number } | null;
  /** The disk that the agent's state lies on. */
  readonly disk: { readonly totalBytes: number; readonly freeBytes: number } | null;
  /** How much of the life of the board's eMMC is used up, in steps of ten; SD cards do not say. */
  readonly storageWornPercent: number | null;
  /** The mean number of runnable processes over the last minute. */
  readonly load: number | null;
  readonly uptimeSeconds: number | null;
  /** The memory that the agent itself takes. */
  readonly agentBytes: number;
}

/** The power supply of a Raspberry Pi, and whether the processor is throttled because of it or of heat. */
interface PowerSupply {
  readonly underVoltage: boolean;
  readonly throttled: boolean;
  readonly underVoltageSinceBoot: boolean;
  readonly throttledSinceBoot: boolean;
}

// raspberrypi.com/documentation/computers/os.html#get_throttled: bits 0 to 3 say what is now, 16 to 19 what has been since boot.
const lowVoltage = 1 << 0;
const slowedDown = (1 << 1) | (1 << 2) | (1 << 3);
const sinceBoot = 16;

/**
 * @param bits of the firmware (`get_throttled`); null where it cannot be asked
 * @param alarm the kernel's own, of low voltage; null where there is none
 */
export function parsePowerSupply(bits: number | null, alarm: boolean | null): PowerSupply | null {
  if (bits === null && alarm === null) return null;
  const known = bits ?? 0;
  return {
    underVoltage: (known & lowVoltage) !== 0 || alarm === true,
    throttled: (known & slowedDown) !== 0,
    underVoltageSinceBoot: ((known >> sinceBoot) & lowVoltage) !== 0 || alarm === true,
    throttledSinceBoot: ((known >> sinceBoot) & slowedDown) !== 0,
  };
}

/** `/sys/block/mmcblk0/device/life_time`, "0x01 0x02": the worse of two kinds of cells, 1 for up to 10 % used (JEDEC 84-B51). */
export function parseWearPercent(lifeTime: string): number | null {
  const steps = [...lifeTime.matchAll(/0x([0-9a-f]{1,2})\b/gi)].map(([, hex = "0"]) => Number.parseInt(hex, 16));
  const worst = Math.max(0, ...steps.filter((step) => step >= 1 && step <= 11)); // 0 is "not defined", 11 "exceeded".
  return worst === 0 ? null : worst * 10;
}

/** `/proc/meminfo`. */
export function parseMemory(meminfo: string): BoardMetrics["memory"] {
  const total = bytesOf(meminfo, "MemTotal");
  const available = bytesOf(meminfo, "MemAvailable");
  return total === null || available === null ? null : { totalBytes: total, availableBytes: available };
}

function bytesOf(meminfo: string, name: string): number | null {
  const kib = new RegExp(`^${name}: +(\\d+) kB$`, "m").exec(meminfo)?.[1];
  return kib === undefined ? null : Number(kib) * 1024;
}
