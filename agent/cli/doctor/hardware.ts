import type { PowerSupplyFacts } from "../../board/probes/facts.ts";
import { expiresTokens, isClockWrong } from "../../hub/clock-offset.ts";
import { formatPeriod } from "../format/format-period.ts";
import { findings, type Finding } from "./finding.ts";

const power = findings("power");

// raspberrypi.com/documentation/computers/os.html#get_throttled
const now = { lowVoltage: 1 << 0, capped: 1 << 1, throttled: 1 << 2, hot: 1 << 3 };
const sinceBootShift = 16;

export function checkPowerSupply({ throttled, lowVoltage }: PowerSupplyFacts): Finding {
  if (throttled === null && lowVoltage === null) return power.unknown("not known: only a Raspberry Pi reports it");
  const bits = throttled ?? (lowVoltage === true ? now.lowVoltage : 0);
  const advice =
    "Use the power supply made for this board and a short, thick cable; unplug what draws power from its USB ports. Low voltage damages SD cards and breaks updates";
  if ((bits & now.lowVoltage) !== 0) return power.fault("the supply voltage is too low now", advice);
  if ((bits & (now.lowVoltage << sinceBootShift)) !== 0)
    return power.warning("the supply voltage was too low since the board started", advice);
  if ((bits & (now.capped | now.throttled | now.hot)) !== 0)
    return power.warning(
      "the processor is slowed down, because it is too hot",
      "Cool the board: more air, or a heat sink",
    );
  return power.ok("the supply voltage is good");
}

const clock = findings("clock");

export interface ClockFacts {
  readonly nowMs: number;
  /** The Date header of the hub's answer; null where there is none. It is not authenticated: good for comparing only. */
  readonly hubMs: number | null;
  readonly synchronized: boolean;
  /** The time service, where it is known: "systemd-timesyncd", "chrony", … */
  readonly source: string | null;
  /** Whether the certificate that the hub shows has expired, or is not valid yet, by this clock; false where it was not seen. */
  readonly isCertificateOutOfDate: boolean;
}

/** A clock that the hub and its certificate bear is a warning: the agent does its work. */
export function checkClock({ nowMs, hubMs, synchronized, source, isCertificateOutOfDate }: ClockFacts): Finding {
  const by = source === null ? "no time service was found" : `set by ${source}`;
  const aheadMs = hubMs === null ? 0 : nowMs - hubMs;
  if (isClockWrong(aheadMs)) {
    const difference = `${formatPeriod(Math.abs(aheadMs) / 1_000)} ${aheadMs > 0 ? "ahead of" : "behind"} the hub's`;
    const harm = [
      ...(expiresTokens(aheadMs) ? ["the hub refuses its tokens, which have expired when they are signed"] : []),
      ...(isCertificateOutOfDate ? ["by it, the hub's certificate is not valid"] : []),
    ];
    const bearable =
      "the hub accepts its tokens all the same, but the log's times, maintenance windows and leases are wrong by as much";
    return clock[harm.length === 0 ? "warning" : "fault"](
      `the board's time is ${new Date(nowMs).toISOString()}, ${difference} (${by}); ${harm.length === 0 ? bearable : harm.join("; ")}`,
      "Give the board a time source: timedatectl set-ntp true, and open UDP port 123, or name a time server of this network in /etc/systemd/timesyncd.conf",
    );
  }
  const difference = hubMs === null ? "" : `, ${formatPeriod(Math.abs(aheadMs) / 1_000)} from the hub's`;
  if (synchronized) return clock.ok(`${by}${difference}`);
  return clock.warning(
    `no time server has set it since the board started (${by})${difference}`,
    "Give the board a time source: timedatectl set-ntp true; without one, its clock is wrong after the next power cut",
  );
}
