import { expect, it } from "vitest";
import type { Setting } from "../../../../agent/config/setting-types.ts";
import { list, flag, path, paths, port, seconds, size, text } from "../../../../agent/config/setting-types.ts";

const about = { name: "x", description: "" };
const milliseconds = seconds({ ...about, initial: 15, least: 0, most: 60 });
const bytes = size({ ...about, initial: "1 KiB" });

it.each<[string, Setting<unknown>, unknown, unknown]>([
  ["a size with a unit", bytes, "1.5 KiB", 1_536],
  ["a size in bytes", bytes, 7, 7],
  ["seconds as text, in milliseconds", milliseconds, "0.25", 250],
  ["seconds as a number, in milliseconds", milliseconds, 60, 60_000],
  ["a list in one text", list(about), "shutdown -r now", ["shutdown", "-r", "now"]],
  ["a list", list(about), ["a b"], ["a b"]],
  ["true as text", flag({ ...about, initial: false }), "true", true],
  ["a port as text", port(about), "443", 443],
])("parses %s", (_what, setting, written, value) => {
  expect(setting.parse(written)).toStrictEqual({ ok: true, value });
});

it.each<[string, Setting<unknown>, unknown, string]>([
  ["a size without a number", bytes, "KiB", "a size such as"],
  ["a negative size", bytes, -1, "a size such as"],
  ["more seconds than allowed", milliseconds, 60.1, "a number of seconds from 0 to 60"],
  ["a list with an empty text", list(about), ["a", ""], "a list of texts"],
  ["a relative path", path(about), "state", "an absolute path"],
  ["a list with a relative path", paths(about), ["/", "boot"], "a list of absolute paths"],
  ["port 0", port(about), 0, "a whole number from 1 to 65535"],
  ["an empty text", text({ ...about, initial: "1" }), " ", "a text that is not empty"],
])("refuses %s", (_what, setting, written, expected) => {
  expect(setting.parse(written)).toStrictEqual({ ok: false, expected: expect.stringContaining(expected) as string });
});

it("keeps a default in the unit of its field, and as it is written", () => {
  expect(milliseconds).toMatchObject({ initial: 15_000, initialToml: "15" });
  expect(bytes).toMatchObject({ initial: 1_024, initialToml: '"1 KiB"' });
});
