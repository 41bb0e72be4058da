import { expect, it } from "vitest";
import { commands, parseArguments } from "../../../../agent/cli/arguments.ts";
import { usageText } from "../../../../agent/cli/usage.ts";
import { settingNames } from "../../../../agent/config/parse-settings.ts";

it("of each command names its options, and fits a narrow terminal", () => {
  for (const name of Object.keys(commands)) {
    const about = parseArguments([name, "--help"]).about;
    const text = usageText(about);
    const known: readonly string[] = about === undefined ? [] : commands[about].options;
    for (const option of known) expect(text).toContain(`--${option}`);
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(95);
  }
});

it("of run lists every setting with its default", () => {
  const text = usageText("run");
  for (const name of settingNames) expect(text).toContain(`\n  ${name} `);
  expect(text).toMatch(/reboot\.deadline-seconds +seconds, 10 to 86400; default 600\n/);
});
