import { describe, expect, it } from "vitest";
import { run } from "../../../../service-tools/cli/run.ts";
import { FakeWorld } from "../../../support/world.ts";

const digest = "a".repeat(64);

describe("a command line that cannot be", () => {
  it.each<[string, RegExp]>([
    ["frobnicate", /unknown command 'frobnicate'/],
    ["reboo -d b", /unknown command 'reboo'[^]*Did you mean reboot\?/],
    ["reboot", /required option '-d, --device-id <id>' not specified/],
    [
      "reboot -d b --in 5",
      /'--in <duration>' argument '5' is invalid\. Expected a duration of at most a day, such as 90s/,
    ],
    ["reboot -d b --in 25h", /Expected a duration of at most a day/],
    ["reboot -d b --at 2026-01-03T03:00:01Z", /Expected a time from now \(2026-01-02T03:00:00.000Z\) to a day later/],
    ["reboot -d b --at 2026-01-02T02:58:00Z", /Expected a time from now/],
    ["reboot -d b --at tomorrow", /argument 'tomorrow' is invalid\. Expected a time with its zone/],
    ["reboot -d b --at 2030-13-01T00:00:00Z", /Expected a time with its zone/],
    ["reboot -d b --in 5m --window", /'--in <duration>' cannot be used with option '--window'/],
    ["reboot -d b --timeout soon --wait", /Expected a duration/],
    ["reboot -d b --operation-id a/b", /Expected an operation id/],
    ["reboot -d a/b", /Expected a device id/],
    ["status -d b -m a/b", /Expected a module id/],
    ["update -d b", /no image was named\. Expected --uri URI with --sha256 HEX, --file PATH, or --rehearse/],
    [`update -d b --sha256 ${digest}`, /--uri is missing/],
    ["update -d b --uri https://x/y", /--sha256 is missing/],
    ["update -d b --uri https://x/y --sha256 abc", /SHA-256 in 64 hex digits, got 3 characters/],
    [`update -d b --file f --sha256 ${digest}`, /cannot be used with option/],
    [`update -d b --rehearse --sha256 ${digest}`, /cannot be used with option/],
    ["update -d b --rehearse --version -1", /Expected a version/],
    ["update -d b --rehearse --size many", /Expected a number of bytes/],
    ["update -d b --rehearse --size 999999999999999", /from 1 to 1099511627776 \(1\.0 TiB\)/],
    ["update -d b --rehearse --apply later", /Allowed choices are now, window, manual/],
    [
      "update -d b --file firmware.img",
      /--file publishes on the local hub of this user, but the login is for hub\.example/,
    ],
    ["cancel -d b everything", /Allowed choices are reboot, update/],
    ["device list -o xml", /Allowed choices are json, table/],
    ["twin set -d b", /nothing to set/],
    ["twin set -d b --desired [1]", /Expected a JSON object/],
    ["twin set -d b --tags @/nonexistent", /\/nonexistent cannot be read/],
    ["status -d b extra", /too many arguments/],
  ])("%s", async (line, message) => {
    const world = new FakeWorld();
    expect(await run(line.split(" "), world)).toBe(2);
    expect(world.err.text).toMatch(message);
    expect(world.err.text).toMatch(/^boardkeeper: /);
    expect(world.out.text).toBe("");
    expect(world.hub.calls).toEqual([]);
  });
});

describe("help", () => {
  it("is what comes without arguments, on standard output", async () => {
    const world = new FakeWorld();
    expect(await run([], world)).toBe(0);
    expect(world.out.text).toMatch(/First minutes[^]*boardkeeper demo[^]*boardkeeper hub start/);
    expect(world.err.text).toBe("");
  });

  it.each(["--help", "reboot --help", "device add --help", "twin --help", "hub start --help", "--version"])(
    "%s is no failure",
    async (line) => {
      const world = new FakeWorld();
      expect(await run(line.split(" "), world)).toBe(0);
      expect(world.out.text).not.toBe("");
    },
  );

  it.each(["device list", "update", "status"])("of %s has what is its own before what all have", async (line) => {
    const world = new FakeWorld();
    await run([...line.split(" "), "--help"], world);
    expect(world.out.text).toMatch(/^Options:$[^]*^Hub and output:$/m);
  });

  it("of twin says which board it is about", async () => {
    const world = new FakeWorld();
    await run(["twin", "--help"], world);
    expect(world.out.text).toContain("-d <id>");
  });

  it("fits on the narrowest terminal", async () => {
    const world = new FakeWorld();
    await run([], world);
    expect(Math.max(...world.out.text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });
});

describe("an error that is nobody's fault", () => {
  it("is told with all its causes, and ends with 1", async () => {
    const world = new FakeWorld();
    world.hub.reply = new Error("it broke", { cause: new Error("the disk is full") });
    expect(await run(["reboot", "-d", "b"], world)).toBe(1);
    expect(world.err.text).toBe("boardkeeper: it broke: the disk is full\n");
  });

  it("is reported as a fault of the program where it is one", async () => {
    const world = new FakeWorld();
    world.hub.reply = new TypeError("x is not a function");
    expect(await run(["reboot", "-d", "b"], world)).toBe(1);
    expect(world.err.text).toMatch(/a fault of this program, please report it: TypeError: x is not a function\n +at /);
  });
});
