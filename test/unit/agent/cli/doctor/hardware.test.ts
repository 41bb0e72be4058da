import { describe, expect, it } from "vitest";
import { checkClock, checkPowerSupply } from "../../../../../agent/cli/doctor/hardware.ts";
import { describeFinding } from "../../../../support/findings.ts";

describe("clock", () => {
  const nowMs = Date.parse("2026-01-02T03:00:00Z");
  const by = { nowMs, hubMs: nowMs, synchronized: true, source: "chrony", isCertificateOutOfDate: false };
  const hours = 3_600_000;
  it.each([
    [by, "ok: set by chrony, 0 seconds from the hub's"],
    [{ ...by, hubMs: null }, "ok: set by chrony"],
    [{ ...by, hubMs: nowMs + 300_000 }, "ok: set by chrony, 5 minutes from the hub's"],
    [
      { ...by, hubMs: nowMs + 300_001 },
      "warning: the board's time is 2026-01-02T03:00:00.000Z, 5 minutes behind the hub's (set by chrony); the hub accepts its tokens all the same",
    ],
    [{ ...by, hubMs: nowMs - 600_000 }, "warning: the board's time is 2026-01-02T03:00:00.000Z, 10 minutes ahead of"],
    [{ ...by, hubMs: nowMs + 47 * hours }, "; the hub accepts its tokens all the same"],
    [
      { ...by, hubMs: nowMs + 48 * hours },
      "fault: the board's time is 2026-01-02T03:00:00.000Z, 2 days behind the hub's (set by chrony); the hub refuses its tokens, which have expired when they are signed",
    ],
    [
      { ...by, hubMs: nowMs - 24 * hours * 400 },
      "warning: the board's time is 2026-01-02T03:00:00.000Z, 400 days ahead",
    ],
    [
      { ...by, hubMs: nowMs - 24 * hours * 400, isCertificateOutOfDate: true },
      "fault: the board's time is 2026-01-02T03:00:00.000Z, 400 days ahead of the hub's (set by chrony); by it, the hub's certificate is not valid",
    ],
    // A certificate that has really expired is no fault of a clock that agrees with the hub's.
    [{ ...by, isCertificateOutOfDate: true }, "ok: set by chrony"],
    [{ ...by, synchronized: false, source: null }, "warning: no time server has set it since the board started"],
  ])("%j", (facts, expected) => expect(describeFinding(checkClock(facts))).toContain(expected));
});

describe("power", () => {
  it.each<[number | null, boolean | null, string]>([
    [null, null, "unknown: not known: only a Raspberry Pi"],
    [0, null, "ok: the supply voltage is good"],
    [0x5_0005, null, "fault: the supply voltage is too low now"],
    [0x5_0000, null, "warning: the supply voltage was too low since the board started"],
    [0x8_0008, null, "warning: the processor is slowed down"],
    [0x8_0000, null, "ok"],
    [null, true, "fault: the supply voltage is too low now"],
    [null, false, "ok: the supply voltage is good"],
  ])("throttled %s, alarm %s", (throttled, lowVoltage, expected) => {
    expect(describeFinding(checkPowerSupply({ throttled, lowVoltage }))).toContain(expected);
  });
});
