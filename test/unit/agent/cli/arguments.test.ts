import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { commands, options, parseArguments, UsageError } from "../../../../agent/cli/arguments.ts";
import { usageText } from "../../../../agent/cli/usage.ts";

function refusal(line: string): UsageError | undefined {
  try {
    parseArguments(line.split(" ").filter((word) => word !== ""));
    return undefined;
  } catch (cause) {
    if (cause instanceof UsageError) return cause;
    throw cause;
  }
}

describe("a command line", () => {
  it.each([
    ["run --simulate -d board-1", { command: "run", simulate: true, deviceId: "board-1" }],
    ["run --config /x --state-dir=/y -m m", { command: "run", configFile: "/x", stateDir: "/y", moduleId: "m" }],
    ["status --json", { command: "status", json: true }],
    ["provision --ca-file ca.pem --no-start", { command: "provision", caFile: "ca.pem", noStart: true }],
    ["install /x.img --sha256 ab --no-wait", { command: "install", operand: "/x.img", sha256: "ab", noWait: true }],
    ["", { command: "help", about: undefined }],
    ["--help", { command: "help", about: undefined }],
    ["help", { command: "help", about: undefined }],
    ["help status", { command: "help", about: "status" }],
    ["status -h", { command: "help", about: "status" }],
    ["--version", { command: "version" }],
  ])("%s", (line, expected) => {
    expect(parseArguments(line.split(" ").filter((word) => word !== ""))).toMatchObject(expected);
  });

  it.each([
    ["frobnicate", /There is no command "frobnicate"\. There are run, status/, undefined],
    ["--teleport", /--teleport/, undefined],
    ["run --teleport", /--teleport/, "run"],
    ["run --json", /--json/, "run"],
    ["status now", /Unexpected argument "now"/, "status"],
    ["provision HostName=h;DeviceId=d;SharedAccessKey=a2V5", /Unexpected argument/, "provision"],
    ["run --config", /--config/, "run"],
  ])("that cannot be: %s", (line, message, about) => {
    const found = refusal(line);
    expect(found?.message).toMatch(message);
    expect(found?.about).toBe(about);
  });
});

describe("the usage", () => {
  it("of each command names its options, and fits a narrow terminal", () => {
    for (const name of Object.keys(commands)) {
      const about = parseArguments([name, "--help"]).about;
      const text = usageText(about);
      const known: readonly string[] = about === undefined ? [] : commands[about].options;
      for (const option of known) expect(text).toContain(`--${option}`);
      expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(95);
    }
  });

  it("has no option that no command knows", () => {
    const known = Object.values(commands).flatMap((command): readonly string[] => command.options);
    expect(Object.keys(options).filter((name) => ![...known, "help", "version"].includes(name))).toEqual([]);
  });
});

describe("docs/agent-cli.md", () => {
  const reference = readFileSync("docs/agent-cli.md", "utf8");

  it("has a section for each command, and no other", () => {
    const sections = [...reference.matchAll(/^## (\S+)$/gm)].map(([, name]) => name);
    expect(sections).toEqual(Object.keys(commands));
  });

  it("names every option", () => {
    expect(Object.keys(options).filter((name) => !reference.includes(`--${name}`))).toEqual([]);
  });
});
