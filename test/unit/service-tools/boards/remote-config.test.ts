import { describe, expect, it } from "vitest";
import type { Json } from "../../../../agent/contract/json.ts";
import { parseSetting, desiredPatch } from "../../../../service-tools/boards/remote-config.ts";

describe("a setting on the command line", () => {
  it.each<[string, string, Json]>([
    ["agent.log-level=debug", "agent.log-level", "debug"],
    ["health.every-seconds=3600", "health.every-seconds", 3600],
    ["maintenance.windows=[]", "maintenance.windows", []],
    ['maintenance.windows=[{"cron":"0 2 * * *"}]', "maintenance.windows", [{ cron: "0 2 * * *" }]],
    ["agent.log-level=", "agent.log-level", null],
    ["agent.log-level=a=b", "agent.log-level", "a=b"],
  ])("%s", (text, name, value) => {
    expect(parseSetting(text)).toStrictEqual({ name, value });
  });

  it.each(["", "agent.log-level", "=debug", "debug=", "agent..x=1", "Agent.x=1", "a.__proto__=1", ".a=1"])(
    "%j is none",
    (text) => {
      expect(parseSetting(text)).toBeUndefined();
    },
  );

  it("is merged with others; the last one of a name wins", () => {
    expect(
      desiredPatch([
        { name: "agent.log-level", value: "debug" },
        { name: "update.command.restart", value: null },
        { name: "agent.x", value: 1 },
        { name: "agent.log-level", value: "warn" },
      ]),
    ).toStrictEqual({ agent: { "log-level": "warn", x: 1 }, update: { command: { restart: null } } });
  });

  it("replaces one that is its parent or its child", () => {
    expect(
      desiredPatch([
        { name: "agent.x", value: [1] },
        { name: "agent.x.y", value: 2 },
      ]),
    ).toStrictEqual({ agent: { x: { y: 2 } } });
  });
});
