import { describe, expect, it } from "vitest";
import { demoEnvironment } from "../../../../service-tools/demo/environment.ts";
import { stayWords } from "../../../../service-tools/demo/stay-instructions.ts";
import { twinExcerpt } from "../../../../service-tools/demo/twin-excerpt.ts";
import { environmentVariable, settingNames } from "../../../../agent/config/parse-settings.ts";
import { twinOf } from "../../../support/board-views.ts";

describe("the demo's surroundings", () => {
  const env = {
    PATH: "/bin",
    BOARDKEEPER_HOME: "/home/me",
    BOARDKEEPER_UPDATE_INSTALLER: "none",
    IOTHUB_CONNECTION_STRING: "HostName=mine",
    IOTHUB_DEVICE_CONNECTION_STRING: "HostName=mine",
  };

  it("are its own: what the user's shell says about hubs and boards does not reach it", () => {
    const own = demoEnvironment(env, "/tmp/demo");
    expect(own).toMatchObject({ PATH: "/bin", BOARDKEEPER_HOME: "/tmp/demo" });
    expect(JSON.stringify(own)).not.toContain("mine");
    expect(own).not.toHaveProperty("BOARDKEEPER_UPDATE_INSTALLER");
  });

  it("name settings that the agent has", () => {
    const known = new Set([...settingNames.map(environmentVariable), "BOARDKEEPER_HOME"]);
    const given = Object.keys(demoEnvironment({}, "/tmp/demo"));
    expect(given.filter((name) => !known.has(name))).toEqual([]);
  });
});

describe("the twin before and after", () => {
  it("shows what has changed, boot ids by their beginning", () => {
    const before = twinOf({}, {}, { bootId: "11111111-1111-4111-8111-111111111111" });
    const after = twinOf({ phase: "completed" }, {}, { bootId: "22222222-2222-4222-8222-222222222222" });
    const rows = twinExcerpt(before, after);
    const row = (place: string): object | undefined => rows.find((one) => one.place === place);
    expect(row("boardkeeper.agent.bootId")).toMatchObject({
      before: "11111111…",
      after: "22222222…",
      hasChanged: true,
    });
    expect(row("boardkeeper.update.phase")).toMatchObject({ before: "idle", after: "completed", hasChanged: true });
    expect(row("firmwareStatus")).toMatchObject({ before: "standBy", after: "completed", hasChanged: true });
    expect(row("rebootTime")).toMatchObject({ before: "-", after: "-", hasChanged: false });
  });

  it("fits on the narrowest terminal", () => {
    const stamp = "2026-01-02T03:04:05.000Z";
    const widest = twinExcerpt({}, {}).map(({ place }) => place.length);
    expect(2 + Math.max(...widest) + 2 + "11111111…".length + 2 + stamp.length).toBeLessThanOrEqual(80);
  });
});

describe("what to type after --stay", () => {
  const program = { executable: "/usr/bin/node", arguments: ["/repo/dist/boardkeeper.js"] };

  it("is complete: where the home is, and how to call the program", () => {
    const words = stayWords("/tmp/demo", program, {});
    expect(words).toContain("export BOARDKEEPER_HOME=/tmp/demo\n");
    expect(words).toContain("alias boardkeeper='/usr/bin/node /repo/dist/boardkeeper.js'\n");
    expect(words).not.toContain("unset");
  });

  it("warns of a login in the shell that would lead elsewhere", () => {
    expect(stayWords("/tmp/demo", program, { IOTHUB_CONNECTION_STRING: "x" })).toContain(
      "unset IOTHUB_CONNECTION_STRING",
    );
  });
});
