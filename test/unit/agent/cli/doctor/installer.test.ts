import { describe, expect, it } from "vitest";
import { checkInstaller } from "../../../../../agent/cli/doctor/installer.ts";
import { describeFinding } from "../../../../support/findings.ts";

describe("installer", () => {
  const command = { kind: "command", program: "/p", code: null, user: "keeper" };
  it.each([
    [{ ...command, kind: "none", program: null }, "warning: none is configured: reboots work, updates are refused"],
    [{ ...command, kind: "simulated", program: null }, "ok: simulated"],
    [command, "ok: /p"],
    [{ ...command, code: "ENOENT" }, "fault: /p does not exist"],
    [{ ...command, code: "EACCES" }, "fault: keeper cannot run /p (EACCES)"],
    [
      { ...command, program: null, helper: { answer: { program: "/i" }, socketState: "active" } },
      "ok: /i, run by root's install helper",
    ],
    [{ ...command, program: null, helper: { answer: { refusal: "No." }, socketState: "active" } }, "fault: No."],
    [
      { ...command, program: null, helper: { answer: { noAnswer: "It is not there" }, socketState: null } },
      "fault: It is not there",
    ],
    [
      { ...command, program: null, helper: { answer: { program: "/i" }, socketState: "failed" } },
      "fault: the install helper cannot be reached: boardkeeper-install.socket is failed",
    ],
    [
      { ...command, program: null, helper: { answer: { program: "/i" }, socketState: null } },
      "fault: the install helper cannot be reached: boardkeeper-install.socket is missing, because systemd does not run here",
    ],
  ])("%j", (facts, expected) => expect(describeFinding(checkInstaller(facts))).toBe(expected));
});
