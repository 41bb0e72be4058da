import { expect, it } from "vitest";
import { environmentVariable, parseSettings, settingNames } from "../../../../agent/config/parse-settings.ts";
import { settings } from "../../../../agent/config/settings.ts";

it("each setting has an environment variable of its own", () => {
  const names = settingNames.map(environmentVariable);
  expect(new Set(names).size).toBe(names.length);
  expect(environmentVariable("update.command.time-limit-seconds")).toBe(
    "BOARDKEEPER_UPDATE_COMMAND_TIME_LIMIT_SECONDS",
  );
});

it("reads sizes, seconds and lists in both ways of writing", () => {
  const read = (field: keyof typeof settings, value: unknown): unknown =>
    Reflect.get(parseSettings([{ source: "test", values: { [settings[field].name]: value } }]).settings, field);
  expect(read("keepFreeBytes", "1.5 KiB")).toBe(1_536);
  expect(read("keepFreeBytes", 7)).toBe(7);
  expect(read("simulationPauseMs", "0.25")).toBe(250);
  expect(read("rebootCommand", "shutdown -r now")).toStrictEqual(["shutdown", "-r", "now"]);
  expect(read("rebootCommand", ["a b"])).toStrictEqual(["a b"]);
  expect(read("allowHttp", "true")).toBe(true);
});
