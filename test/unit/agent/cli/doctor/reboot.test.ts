import { describe, expect, it } from "vitest";
import { checkReboot, type RebootFacts } from "../../../../../agent/cli/doctor/reboot.ts";
import { describeFinding } from "../../../../support/findings.ts";

describe("reboot", () => {
  const user = "keeper";
  const helper = { how: "helper", requestFolder: "/d", code: null, pathState: "active", user } as const;
  it.each<[RebootFacts, string]>([
    [{ how: "simulated" }, "ok: the simulated board reboots itself"],
    [{ how: "program", program: "/p", code: null, user }, "ok: by /p"],
    [{ how: "program", program: "/p", code: "ENOENT", user }, "fault: keeper cannot run /p (ENOENT)"],
    [{ how: "logind", answer: "yes", user }, "ok: logind lets keeper reboot"],
    [
      { how: "logind", answer: "challenge", user },
      `fault: logind does not let keeper reboot the board without a password`,
    ],
    [{ how: "logind", answer: null, user }, "fault: systemd-logind does not answer"],
    [helper, "ok: by root's reboot helper, which keeper may ask"],
    [{ ...helper, code: "ENOENT" }, "fault: the reboot helper is not installed (/d is missing)"],
    [{ ...helper, code: "EACCES" }, "fault: keeper cannot ask for a reboot"],
    [
      { ...helper, pathState: "inactive" },
      "fault: the reboot helper does not see requests: boardkeeper-reboot.path is inactive",
    ],
    [{ ...helper, pathState: null }, "because systemd does not run here"],
  ])("%j", (facts, expected) => expect(describeFinding(checkReboot(facts))).toContain(expected));

  it("advises how to start a path unit without [Install]", () => {
    expect(checkReboot({ ...helper, pathState: "inactive" }).advice).toBe("systemctl start boardkeeper-reboot.path");
  });
});
