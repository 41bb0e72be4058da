import { describe, expect, it } from "vitest";
import { runCommandLine } from "../../../service-tools/run.ts";
import { FakeContext } from "../../support/fake-context.ts";

const digest = "a".repeat(64);

describe("an invalid command line", () => {
  it.each<[string, RegExp]>([
    ["frobnicate", /unknown command 'frobnicate'/],
    ["reboo -d b", /unknown command 'reboo'[^]*Did you mean reboot\?/],
    ["reboot", /required option '-d, --device-id <id>' not specified/],
    [
      "reboot -d b --in 5",
      /'--in <duration>' argument '5' is invalid\. Expected a duration of at most 1 day, such as 90s/,
    ],
    ["reboot -d b --in 25h", /Expected a duration of at most 1 day/],
    ["reboot -d b --at 2026-01-03T03:00:01Z", /Expected a time from now \(2026-01-02T03:00:00.000Z\) to 1 day later/],
    ["reboot -d b --at 2026-01-02T02:58:00Z", /Expected a time from now/],
    ["reboot -d b --at tomorrow", /argument 'tomorrow' is invalid\. Expected a time with its zone/],
    ["reboot -d b --at 2030-13-01T00:00:00Z", /Expected a time with its zone/],
    ["reboot -d b --in 5m --window", /'--in <duration>' cannot be used with option '--window'/],
    ["reboot -d b --timeout soon --wait", /Expected a duration/],
    ["reboot -d b --operation-id a/b", /Expected an operation id/],
    ["reboot -d a/b", /Expected a device id/],
    ["status -d b -m a/b", /Expected a module id/],
    [
      "update -d b",
      /no image named\. Expected --uri URI with --sha256 HEX, --file PATH, --version VERSION of a signed image, or --rehearse/,
    ],
    [`update -d b --sha256 ${digest}`, /--uri is missing/],
    ["update -d b --uri https://x/y", /--sha256 is missing/],
    ["update -d b --uri https://x/y --sha256 abc", /SHA-256 in 64 hex digits, got 3 characters/],
    [`update -d b --file f --sha256 ${digest}`, /cannot be used with option/],
    [`update -d b --rehearse --sha256 ${digest}`, /cannot be used with option/],
    ["update -d b --rehearse --version -1", /Expected a version/],
    ["update -d b --rehearse --size many", /Expected a number of bytes/],
    ["update -d b --rehearse --size 999999999999999", /from 1 to 1099511627776 \(1\.0 TiB\)/],
    ["update -d b --rehearse --apply later", /Allowed choices are now, window, manual/],
    ["update -d b --file firmware.img", /--file publishes on this user.s local hub, but the login is for hub\.example/],
    ["cancel -d b everything", /Allowed choices are reboot, update/],
    ["device list -o xml", /Allowed choices are json, table/],
    ["twin set -d b", /nothing to set/],
    ["twin set -d b --desired [1]", /Expected a JSON object/],
    ["twin set -d b --tags @/nonexistent", /\/nonexistent cannot be read/],
    ["status -d b extra", /too many arguments/],
  ])("%s", async (line, message) => {
    const context = new FakeContext();
    expect(await runCommandLine(line.split(" "), context)).toBe(2);
    expect(context.err.text).toMatch(message);
    expect(context.err.text).toMatch(/^boardkeeper: /);
    expect(context.out.text).toBe("");
    expect(context.hub.calls).toEqual([]);
  });
});

describe("help", () => {
  it("is printed without arguments, on standard output", async () => {
    const context = new FakeContext();
    expect(await runCommandLine([], context)).toBe(0);
    expect(context.out.text).toMatch(/First steps[^]*boardkeeper demo[^]*boardkeeper hub start/);
    expect(context.err.text).toBe("");
  });

  it.each(["--help", "reboot --help", "device add --help", "twin --help", "hub start --help", "--version"])(
    "%s is no failure",
    async (line) => {
      const context = new FakeContext();
      expect(await runCommandLine(line.split(" "), context)).toBe(0);
      expect(context.out.text).not.toBe("");
    },
  );

  it.each(["device list", "update", "status"])("of %s has its own options before the common ones", async (line) => {
    const context = new FakeContext();
    await runCommandLine([...line.split(" "), "--help"], context);
    expect(context.out.text).toMatch(/^Options:$[^]*^Hub and output:$/m);
  });

  it("of twin names the option for the board", async () => {
    const context = new FakeContext();
    await runCommandLine(["twin", "--help"], context);
    expect(context.out.text).toContain("-d <id>");
  });

  it("fits on the narrowest terminal", async () => {
    const context = new FakeContext();
    await runCommandLine([], context);
    expect(Math.max(...context.out.text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });
});

describe("an unexpected error", () => {
  it("is printed with all its causes, with exit code 1", async () => {
    const context = new FakeContext();
    context.hub.reply = new Error("it broke", { cause: new Error("the disk is full") });
    expect(await runCommandLine(["reboot", "-d", "b"], context)).toBe(1);
    expect(context.err.text).toBe("boardkeeper: it broke: the disk is full\n");
  });

  it("is reported as a bug if it is one", async () => {
    const context = new FakeContext();
    context.hub.reply = new TypeError("x is not a function");
    expect(await runCommandLine(["reboot", "-d", "b"], context)).toBe(1);
    expect(context.err.text).toMatch(/This is a bug, please report it: TypeError: x is not a function\n +at /);
  });
});
