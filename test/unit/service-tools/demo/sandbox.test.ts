import { describe, expect, it } from "vitest";
import { environmentVariable, settingNames } from "../../../../agent/config/parse-settings.ts";
import { demoEnvironment } from "../../../../service-tools/demo/sandbox.ts";

describe("the demo's environment", () => {
  const env = {
    PATH: "/bin",
    BOARDKEEPER_HOME: "/home/me",
    BOARDKEEPER_UPDATE_INSTALLER: "none",
    IOTHUB_CONNECTION_STRING: "HostName=mine",
    IOTHUB_DEVICE_CONNECTION_STRING: "HostName=mine",
  };

  it("does not have what the user's shell says about hubs and boards", () => {
    const own = demoEnvironment(env, "/tmp/demo");
    expect(own).toMatchObject({ PATH: "/bin", BOARDKEEPER_HOME: "/tmp/demo" });
    expect(JSON.stringify(own)).not.toContain("mine");
    expect(own).not.toHaveProperty("BOARDKEEPER_UPDATE_INSTALLER");
  });

  it("names only settings that the agent has", () => {
    const known = new Set([...settingNames.map(environmentVariable), "BOARDKEEPER_HOME"]);
    const given = Object.keys(demoEnvironment({}, "/tmp/demo"));
    expect(given.filter((name) => !known.has(name))).toEqual([]);
  });
});
