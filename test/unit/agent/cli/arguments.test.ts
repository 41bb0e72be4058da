import { describe, expect, it } from "vitest";
import { commands, options, parseArguments, UsageError } from "../../../../agent/cli/arguments.ts";

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
    ["frobnicate", /Unknown command "frobnicate"\. The commands are run, status/, undefined],
    ["--teleport", /--teleport/, undefined],
    ["run --teleport", /--teleport/, "run"],
    ["run --json", /--json/, "run"],
    ["status now", /Unexpected argument "now"/, "status"],
    ["provision HostName=h;DeviceId=d;SharedAccessKey=a2V5", /Unexpected argument/, "provision"],
    ["run --config", /--config/, "run"],
  ])("refuses: %s", (line, message, about) => {
    const found = refusal(line);
    expect(found?.message).toMatch(message);
    expect(found?.about).toBe(about);
  });
});

it("every option belongs to a command", () => {
  const known = Object.values(commands).flatMap((command): readonly string[] => command.options);
  expect(Object.keys(options).filter((name) => ![...known, "help", "version"].includes(name))).toEqual([]);
});
