import { findings, type Finding } from "./finding.ts";

const found = findings("power");

export interface PowerFacts {
  /** The firmware's bits (vcgencmd get_throttled); null where nobody can be asked. */
  readonly throttled: number | null;
  /** The kernel's own alarm (hwmon rpi_volt); null where there is none. */
  readonly lowVoltage: boolean | null;
}

// raspberrypi.com/documentation/computers/os.html#get_throttled
const now = { lowVoltage: 1 << 0, capped: 1 << 1, throttled: 1 << 2, hot: 1 << 3 };
const sinceBoot = 16;

export function checkPower({ throttled, lowVoltage }: PowerFacts): Finding {
  if (throttled === null && lowVoltage === null) return found.unknown("not known here: only a Raspberry Pi says");
  const bits = throttled ?? (lowVoltage === true ? now.lowVoltage : 0);
  const supply =
    "Use the power supply made for this board and a short, thick cable; unplug what draws on its USB ports. Low voltage damages SD cards and breaks updates";
  if ((bits & now.lowVoltage) !== 0) return found.fault("the supply voltage is too low now", supply);
  if ((bits & (now.lowVoltage << sinceBoot)) !== 0)
    return found.warning("the supply voltage was too low since the board started", supply);
  if ((bits & (now.capped | now.throttled | now.hot)) !== 0)
    return found.warning("the processor is slowed down, because it is too hot", "Give the board air, or a heat sink");
  return found.ok("the supply voltage is good");
}
