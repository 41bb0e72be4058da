import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../../agent/contract/json.ts";
import {
  decideRemoteRemoved,
  decideRemote,
  describeRemote,
  validateRemote,
  overlaySettings,
  type RemoteRequest,
} from "../../../../agent/config/remote-config-decisions.ts";
import { initialState, type AgentState } from "../../../../agent/operations/agent-state.ts";
import { parseSettings } from "../../../../agent/config/parse-settings.ts";

const base = parseSettings([
  { source: "file", values: { "agent.log-level": "warn", "report.progress-seconds": 7 } },
]).settings;
const debug = { agent: { "log-level": "debug" } };

function order(section: JsonObject, changes: Partial<RemoteRequest> = {}): RemoteRequest {
  return { identity: "a", desiredVersion: 5, section, validated: validateRemote(section, base), ...changes };
}

describe("a desired section", () => {
  it("overrides the settings that it names, and nothing else", () => {
    const windows = [{ cron: "0 2 * * *", duration: "2h" }];
    const { settings, problems } = overlaySettings(base, { ...debug, maintenance: { windows } });
    expect(problems).toStrictEqual([]);
    expect(settings).toStrictEqual({
      ...base,
      logLevel: "debug",
      maintenanceWindows: [{ cron: "0 2 * * *", durationMs: 7_200_000, timezone: "UTC", splayMs: 1_800_000 }],
    });
    expect(overlaySettings(base, {})).toStrictEqual({ settings: base, problems: [] });
  });

  it.each<[string, unknown, string]>([
    ["no object", "debug", "boardkeeper: expected an object of settings"],
    ["an array", [debug], "boardkeeper: expected an object of settings"],
    ["a value that the setting cannot have", { agent: { "log-level": "loud" } }, "agent.log-level: expected one of"],
    ["a name that nobody knows", { agent: { loglevel: "debug" } }, "agent.loglevel is not a setting"],
    [
      "a name with another letter",
      { maintenance: { window: [] } },
      "maintenance.window is not a setting (did you mean maintenance.windows?)",
    ],
    ["a name in other capitals", { Agent: { "log-level": "debug" } }, "(did you mean agent.log-level?)"],
    ["its settings wrapped once more", { payload: debug }, "without payload around it"],
    [
      "a setting of the board's own",
      { update: { "allow-http": true } },
      "update.allow-http can be set in the board's own",
    ],
    ["the prototype", JSON.parse('{"__proto__":{"x":1}}'), "__proto__.x is not a setting"],
    ["a window without a duration", { maintenance: { windows: [{ cron: "0 2 * * *" }] } }, "0.duration"],
  ])("is refused whole with %s", (_what, section, words) => {
    expect(validateRemote(section, base)).toMatchObject({
      ok: false,
      error: { code: "bad-request", message: expect.stringContaining(words) },
    });
  });

  it("lists every mistake at once", () => {
    const validated = validateRemote({ agent: { "log-level": "loud" }, hub: { transport: "mqtt" }, x: 1 }, base);
    expect(validated.ok ? "" : validated.error.message.split("; ").length).toBe(3);
  });
});

describe("the answer to it", () => {
  const applied: AgentState = {
    ...initialState("boot-1"),
    remote: { identity: "a", desiredVersion: 5, refused: null, applied: debug },
  };
  const wrong = { agent: { "log-level": "loud" } };

  it("is saved with the version of the document", () => {
    const { change, answer } = decideRemote(initialState("boot-1"), order(debug));
    expect(change).toStrictEqual({ remote: applied.remote });
    expect(answer).toStrictEqual({ kind: "applied" });
    expect(describeRemote(applied)).toStrictEqual({ version: 5, status: "applied", error: null });
  });

  it("is given once to what is delivered twice", () => {
    expect(decideRemote(applied, order(debug))).toStrictEqual({ answer: { kind: "known" } });
  });

  it("is no refusal any more once its reason is gone, and stays one while it is there", () => {
    const refused = { code: "bad-request", message: 'this board does not know the timezone "Europe/Berlin"' };
    const saved: AgentState = {
      ...initialState("boot-1"),
      remote: { identity: "a", desiredVersion: 5, refused, applied: null },
    };
    expect(decideRemote(saved, order(debug))).toStrictEqual({
      change: { remote: applied.remote },
      answer: { kind: "applied" },
    });
    expect(decideRemote(saved, order(wrong))).toStrictEqual({ answer: { kind: "known" } });
  });

  it("follows the version of a document with the same content", () => {
    const { change, answer } = decideRemote(applied, order(debug, { desiredVersion: 6 }));
    expect(change?.remote).toMatchObject({ desiredVersion: 6, applied: debug });
    expect(answer).toStrictEqual({ kind: "known" });
  });

  it("says why it was refused, and leaves in force what was applied before", () => {
    const { change, answer } = decideRemote(applied, order(wrong, { identity: "b", desiredVersion: 6 }));
    expect(answer).toMatchObject({ kind: "refused", refusal: { code: "bad-request" } });
    expect(change?.remote).toMatchObject({ desiredVersion: 6, applied: debug, refused: { code: "bad-request" } });
    expect(describeRemote({ ...applied, ...change })).toMatchObject({
      version: 6,
      status: "refused",
      error: { code: "bad-request", message: expect.stringContaining("agent.log-level") },
    });
  });

  it("leaves the board's own settings in force where nothing was applied before", () => {
    expect(decideRemote(initialState("boot-1"), order(wrong)).change?.remote?.applied).toBeNull();
  });

  it("goes with the section", () => {
    expect(decideRemoteRemoved(applied)).toStrictEqual({ change: { remote: undefined }, answer: { kind: "removed" } });
    expect(decideRemoteRemoved(initialState("boot-1"))).toStrictEqual({ answer: { kind: "known" } });
    expect(describeRemote(initialState("boot-1"))).toBeNull();
  });
});
