import type { Vitals } from "./vitals.ts";

/* When a report of the board's health is worth a message: each counts against the hub's quota. Pure. */

export interface ReportTerms {
  /** A report comes at least so often; 0 for never, changes included. */
  readonly everyMs: number;
  /** Two reports are at least so far apart, whatever changes. */
  readonly leastMs: number;
}

export type Reason = "start" | "interval" | "change";

/** What is wrong enough for somebody to look at it. The words never change their meaning: hubs route by them. */
export type Alert = "under-voltage" | "throttled" | "hot" | "memory-low" | "disk-low" | "storage-worn";

const hotCelsius = 80;
const lowShare = 0.05;
const wornPercent = 90;

/** What differs by less than this is no news. */
const least = { celsius: 10, memoryShare: 0.2, diskShare: 0.05 } as const;

/** Why a report is due; null when none is. `last` is the report that the hub took last. */
export function reportDue(
  last: { readonly atMs: number; readonly vitals: Vitals } | null,
  nowMs: number,
  vitals: Vitals,
  { everyMs, leastMs }: ReportTerms,
): Reason | null {
  if (everyMs === 0) return null;
  if (last === null) return "start";
  const elapsedMs = nowMs - last.atMs;
  if (elapsedMs >= everyMs) return "interval";
  return elapsedMs >= leastMs && hasChanged(last.vitals, vitals) ? "change" : null;
}

/** True when so much has changed that somebody would want to know before the next regular report. */
function hasChanged(before: Vitals, after: Vitals): boolean {
  return (
    alertsIn(before).join() !== alertsIn(after).join() ||
    before.storageWornPercent !== after.storageWornPercent ||
    differs(before.cpuCelsius, after.cpuCelsius, least.celsius) ||
    differs(
      share(before.memory?.availableBytes, before.memory?.totalBytes),
      share(after.memory?.availableBytes, after.memory?.totalBytes),
      least.memoryShare,
    ) ||
    differs(
      share(before.disk?.freeBytes, before.disk?.totalBytes),
      share(after.disk?.freeBytes, after.disk?.totalBytes),
      least.diskShare,
    )
  );
}

/** What is wrong with a board now, in a fixed order. */
export function alertsIn({ power, cpuCelsius, memory, disk, storageWornPercent }: Vitals): readonly Alert[] {
  const memoryShare = share(memory?.availableBytes, memory?.totalBytes);
  const diskShare = share(disk?.freeBytes, disk?.totalBytes);
  const found: readonly [Alert, boolean][] = [
    ["under-voltage", power?.underVoltage === true],
    ["throttled", power?.throttled === true],
    ["hot", cpuCelsius !== null && cpuCelsius >= hotCelsius],
    ["memory-low", memoryShare !== null && memoryShare < lowShare],
    ["disk-low", diskShare !== null && diskShare < lowShare],
    ["storage-worn", storageWornPercent !== null && storageWornPercent >= wornPercent],
  ];
  return found.filter(([, is]) => is).map(([alert]) => alert);
}

/** A figure that appears or goes away is no change of the board, but of what can be read. */
function differs(before: number | null, after: number | null, byAtLeast: number): boolean {
  return before !== null && after !== null && Math.abs(after - before) >= byAtLeast;
}

function share(part: number | undefined, whole: number | undefined): number | null {
  return part === undefined || whole === undefined || whole <= 0 ? null : part / whole;
}
