import { describe, expect, it } from "vitest";
import { checkRunningAgent, type OnDisk } from "../../../../../agent/cli/doctor/running-agent.ts";
import type { JsonObject } from "../../../../../agent/contract/json.ts";
import { describeFinding } from "../../../../support/findings.ts";

const onDisk: OnDisk = {
  version: "1.2.0",
  stateDir: "/state",
  connectionString: "aaaa",
  connectionStringSource: "/etc/secret",
  credentialWatch: "inactive",
  settingsFile: "/etc/agent.toml",
  settings: "ssss",
  hasMistakes: false,
  acceptedByHub: null,
};
const healthy = {
  agent: { version: "1.2.0", problems: null },
  link: { up: true, forSeconds: 200 },
  process: { connectionString: "aaaa", settingsFile: "/etc/agent.toml", settings: "ssss", stateFolder: "same" },
};
const refused = {
  up: false,
  forSeconds: 400,
  diagnosis: "The hub refuses the key.",
  reason: "connect: refused",
  nextAttemptInSeconds: 90,
};

function examine(name: string, status: JsonObject, disk: Partial<OnDisk> = {}): { text: string; advice: string } {
  const found = checkRunningAgent({ ...healthy, ...status }, { ...onDisk, ...disk }).find(
    ({ check }) => check === name,
  );
  return { text: describeFinding(found), advice: found?.advice ?? "" };
}

const of = (process: JsonObject): JsonObject => ({ process: { ...healthy.process, ...process } });

describe("an agent that runs", () => {
  it("has no fault where all is as it is on disk", () => {
    expect(checkRunningAgent(healthy, onDisk).map(describeFinding)).toStrictEqual([
      "ok: the running agent is connected for 3 minutes",
      "ok: the running agent uses this connection string",
      "ok: the running agent has read these settings",
    ]);
  });

  it.each([
    ["refused", "fault: The twin is full"],
    ["reduced", "warning: The twin is full"],
    ["waiting", "warning: The twin is full"],
  ])("whose reports are %s does not look healthy", (state, text) => {
    const reporting = { state, message: "The twin is full. Remove what is not needed there." };
    const link = { up: true, reporting };
    expect(examine("twin", { link })).toStrictEqual({ text, advice: "Remove what is not needed there" });
  });

  it("of an earlier release, which tells less, is not called wrong", () => {
    expect(
      checkRunningAgent({ agent: { version: "1.2.0" }, link: { up: true } }, onDisk).map(describeFinding),
    ).toStrictEqual(["ok: the running agent is connected"]);
  });

  it.each<[string, string, JsonObject, Partial<OnDisk>, string, RegExp]>([
    [
      "is refused, and so would be what lies on disk",
      "hub link",
      { link: refused },
      { acceptedByHub: false },
      "fault: the running agent is not connected for 7 minutes; last: connect: refused",
      /^The hub refuses the key\. It tries again in 90 seconds$/,
    ],
    [
      "is refused, while what lies on disk works",
      "hub link",
      { link: refused },
      { acceptedByHub: true },
      "fault: the running agent is not connected for 7 minutes",
      /accepts a login with what lies on disk.*restart the agent: sudo systemctl restart/,
    ],
    [
      "is about to connect for the first time",
      "hub link",
      { link: { up: false, forSeconds: 1, diagnosis: null, reason: null } },
      {},
      "unknown: the running agent is not connected for 1 second: its first attempt is under way",
      /^$/,
    ],
    [
      "uses an older key",
      "credentials in use",
      of({ connectionString: "old" }),
      { acceptedByHub: true },
      "fault: the running agent uses another connection string than /etc/secret",
      /^Restart the agent: sudo systemctl restart boardkeeper-agent$/,
    ],
    [
      "uses an older key, which systemd is about to change",
      "credentials in use",
      of({ connectionString: "old" }),
      { credentialWatch: "active" },
      "fault: the running agent uses another connection string than /etc/secret",
      /^boardkeeper-credential\.path restarts it within seconds\. If that does not happen, see why: journalctl -u boardkeeper-credential; then restart the agent: sudo/,
    ],
    [
      "uses another key than one that the hub refuses",
      "credentials in use",
      of({ connectionString: "old" }),
      { acceptedByHub: false },
      "warning: the running agent uses another connection string",
      /refuses the one in \/etc\/secret too/,
    ],
    [
      "has older settings",
      "settings in force",
      of({ settings: "old" }),
      {},
      "warning: /etc/agent.toml or its drop-ins have changed since the agent started",
      /systemctl restart/,
    ],
    [
      "has older settings, and those on disk have mistakes",
      "settings in force",
      of({ settings: "old" }),
      { hasMistakes: true },
      "warning: /etc/agent.toml",
      /Correct the mistakes first/,
    ],
    [
      "was started with another settings file",
      "settings in force",
      of({ settings: "old", settingsFile: "/mine" }),
      {},
      "nothing",
      /^$/,
    ],
    [
      "has lost its state folder",
      "state folder in use",
      of({ stateFolder: "gone" }),
      {},
      "fault: /state was deleted while the agent was running",
      /systemctl restart.*clean state/,
    ],
    [
      "has another folder in the place of its own",
      "state folder in use",
      of({ stateFolder: "replaced" }),
      {},
      "fault: /state was replaced by another folder",
      /systemctl restart/,
    ],
    [
      "is older than what is installed",
      "version",
      { agent: { version: "1.1.0" } },
      {},
      "warning: the running agent is 1.1.0, and 1.2.0 is installed",
      /systemctl restart/,
    ],
    [
      "reports a problem",
      "problems",
      { agent: { version: "1.2.0", problems: ["The disk is full."] } },
      {},
      "warning: the running agent reports: The disk is full",
      /logs --level warn/,
    ],
    [
      "refuses the settings from the hub",
      "remote configuration",
      { config: { version: 7, status: "refused", error: { code: "x", message: "Unknown key." } } },
      {},
      "warning: the settings from the hub (version 7) are refused: Unknown key",
      /boardkeeper configure/,
    ],
  ])("that %s", (_what, name, status, disk, text, advice) => {
    const found = examine(name, status, disk);
    expect(found.text).toContain(text);
    expect(found.advice).toMatch(advice);
  });
});
