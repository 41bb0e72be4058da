import { describe, expect, it } from "vitest";
import { alertsForTwin } from "../../../../agent/contract/alerts-for-twin.ts";
import {
  serializeLastKnownGood,
  parseLastKnownGood,
  stateDirInBrokenToml,
} from "../../../../agent/config/last-known-good-format.ts";
import type { LaunchArguments } from "../../../../agent/config/launch-options.ts";

const given: LaunchArguments = { configFile: "/etc/x.toml", simulate: false, deviceId: undefined, moduleId: undefined };
const good = {
  values: { "update.keep-free": "1 MiB", "reboot.command": ["true"] },
  hubCa: null,
  imageCa: "PEM",
  connectionString: "HostName=h;DeviceId=d;SharedAccessKey=topsecret",
  webSocketPort: null,
};
const kept = serializeLastKnownGood(given, good);

describe("the stored configuration", () => {
  it("is read as it was written", () => {
    expect(parseLastKnownGood(kept, given)).toMatchObject({ ok: true, value: good });
  });

  it.each<[string, Partial<LaunchArguments>]>([
    ["another file", { configFile: "/etc/y.toml" }],
    ["the usual file", { configFile: undefined }],
    ["another device", { deviceId: "d" }],
    ["a module", { moduleId: "m" }],
    ["a simulated board", { simulate: true }],
  ])("is not for an agent that was started for %s", (_what, other) => {
    const problems = [expect.stringContaining("other arguments")];
    expect(parseLastKnownGood(kept, { ...given, ...other })).toStrictEqual({ ok: false, problems });
  });

  it.each([
    ["torn", kept.slice(0, kept.indexOf("topsecret") + 4), "is not JSON: it was damaged"],
    ["empty", "", "is not JSON: it was damaged"],
    ["foreign", '{"version":1,"connectionString":"topsecret"}', "has another form"],
    ["of a newer form", kept.replace('"version": 1', '"version": 2'), "has another form"],
    ["changed", kept.replace('"values": {', '"values": 7, "x": {'), "has another form"],
  ])("is not used when it is %s, nor repeated", (_what, text, problem) => {
    expect(parseLastKnownGood(text, given)).toStrictEqual({ ok: false, problems: [problem] });
  });
});

describe("the state folder in a file that is no TOML", () => {
  it.each([
    ["[hub\n[agent]\nstate-dir = '/data/bk'\n", "/data/bk"],
    ['agent.state-dir="/data/bk"\nx = ', "/data/bk"],
    ['# state-dir = "/old"\n', undefined],
    ['state-dir = "data"\n', undefined],
    ['state-dir = "/data\n', undefined],
    ['update.staging-state-dir = "/data"\n', undefined],
  ])("%j names %j", (text, folder) => {
    expect(stateDirInBrokenToml(text)).toBe(folder);
  });
});

describe("problems for the twin", () => {
  const five = ["1", "2", "3", "4", "5"];
  it.each<[string, string[], string[] | null]>([
    ["none", [], null],
    ["five", five, five],
    ["six", [...five, "6"], ["1", "2", "3", "4", "and 2 more; the agent's log on the board has all of them"]],
    ["a secret", ["x?SharedAccessKey=abc"], ["x?SharedAccessKey=[secret]"]],
    ["a long one", ["x".repeat(201)], [`${"x".repeat(197)}…`]],
  ])("%s", (_what, problems, alerts) => {
    expect(alertsForTwin(problems)).toStrictEqual(alerts);
  });
});
