import { findings, type Finding } from "./finding.ts";

const found = findings("clock");

export interface ClockFacts {
  readonly nowMs: number;
  /** By the Date of an answer of the hub; null where it gave none. Nobody vouches for it: it is good for comparing. */
  readonly hubMs: number | null;
  readonly synchronized: boolean;
  /** What sets the clock, as far as it is known: "systemd-timesyncd", "chrony", … */
  readonly source: string | null;
}

/** Tokens and certificates bear some minutes. */
const bearableMs = 5 * 60_000;

export function checkClock({ nowMs, hubMs, synchronized, source }: ClockFacts): Finding {
  const by = source === null ? "no time service was found" : `set by ${source}`;
  const aheadMs = hubMs === null ? 0 : nowMs - hubMs;
  if (Math.abs(aheadMs) > bearableMs) {
    const how = `${sayGap(Math.abs(aheadMs))} ${aheadMs > 0 ? "ahead of" : "behind"} the hub's`;
    return found.fault(
      `it says ${new Date(nowMs).toISOString()}, ${how} (${by}); with such a clock certificates and this board's tokens fail`,
      "Give the board a time source: timedatectl set-ntp true, and let UDP port 123 out, or name a time server of this network in /etc/systemd/timesyncd.conf",
    );
  }
  const near = hubMs === null ? "" : `, ${sayGap(Math.abs(aheadMs))} from the hub's`;
  if (synchronized) return found.ok(`${by}${near}`);
  return found.warning(
    `no time server has set it since the board started (${by})${near}`,
    "Give the board a time source: timedatectl set-ntp true; without one, its clock is wrong after the next power cut",
  );
}

function sayGap(ms: number): string {
  const units = [
    ["day", 86_400_000],
    ["hour", 3_600_000],
    ["minute", 60_000],
  ] as const;
  const [name, unitMs] = units.find(([, each]) => ms >= 2 * each) ?? ["second", 1_000];
  const count = Math.round(ms / unitMs);
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}
