import { describe, expect, it } from "vitest";
import { checkConfiguration, checkService } from "../../../../../agent/cli/doctor/service.ts";
import { describeFinding } from "../../../../support/findings.ts";

describe("service", () => {
  it.each([
    [{ answers: true, active: null, enabled: null }, "ok: the agent runs"],
    [{ answers: true, active: "active", enabled: "enabled" }, "ok: the agent runs"],
    [
      { answers: true, active: "active", enabled: "disabled" },
      "warning: the agent runs, but will not start at the next boot",
    ],
    [{ answers: false, active: null, enabled: null }, "warning: no agent runs, and systemd does not run here"],
    [{ answers: false, active: "inactive", enabled: "" }, "fault: boardkeeper-agent.service is not installed"],
    [{ answers: false, active: "failed", enabled: "enabled" }, "warning: the service is failed"],
    [
      { answers: false, silence: "An agent runs. Stop it. Start it.", active: null, enabled: null },
      "fault: an agent runs",
    ],
    [
      { answers: false, active: "active", enabled: "enabled" },
      "warning: the service is active, but its agent does not",
    ],
  ])("%j", (facts, expected) => expect(describeFinding(checkService({ silence: null, ...facts }))).toContain(expected));
});

describe("configuration", () => {
  it.each([
    [[], [], "ok: no mistake found"],
    [["a: expected b"], ["c"], "fault: a: expected b"],
    [[], ["c does not exist"], "warning: c does not exist"],
  ])("%j %j", (problems, warnings, expected) =>
    expect(describeFinding(checkConfiguration(problems, warnings))).toBe(expected),
  );
});
