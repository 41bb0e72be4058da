import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { CliProcess, processesWith } from "../support/cli-process.ts";

/** The demo as a process, and the folder in which all of it lies. */
async function demo(...args: string[]): Promise<{ cli: CliProcess; home: string }> {
  // What a user's shell may hold must not lead the demo to another hub.
  const cli = new CliProcess(["demo", ...args], {
    IOTHUB_CONNECTION_STRING: "HostName=elsewhere.example",
    BOARDKEEPER_HOME: "/nonexistent",
  });
  const [home] = await cli.written(/\/\S+\/boardkeeper-demo-\w+/);
  onTestFinished(() => {
    for (const pid of processesWith(`BOARDKEEPER_HOME=${home}`)) process.kill(pid, "SIGKILL");
  });
  return { cli, home };
}

function expectNothingLeft(home: string): void {
  expect(existsSync(home)).toBe(false);
  expect(processesWith(`BOARDKEEPER_HOME=${home}`)).toEqual([]);
}

/** The holder of one of the hub's lock files. */
function holderOf(home: string, lock: string): number {
  const { pid }: { pid: number } = JSON.parse(readFileSync(join(home, "hub", lock), "utf8"));
  return pid;
}

describe("boardkeeper demo", () => {
  it("reboots and updates a board before one's eyes, and leaves nothing behind", async () => {
    const { cli, home } = await demo();
    expect(await cli.exitCode).toBe(0);
    expect(cli.out).toMatch(/demo-board has rebooted\. Proven: boot \S+ ended, boot \S+ began\.\n/);
    expect(cli.out).toContain("demo-board runs 1.1.0, proven healthy after the update.\n");
    expect(cli.out).toMatch(/boardkeeper\.firmwareVersion +1\.0\.0 +1\.1\.0\n/);
    expect(cli.out).toMatch(/firmwareStatus +standBy +completed\n/);
    expect(cli.err).toBe("");
    expectNothingLeft(home);
  });

  it("fails with the board's own sentence when the image server is killed in the middle", async () => {
    const { cli, home } = await demo();
    await cli.written(/A reboot, followed/);
    process.kill(holderOf(home, "image-server.lock"), "SIGKILL");
    expect(await cli.exitCode).toBe(1);
    expect(cli.out).toMatch(
      /The update of demo-board failed while downloading\. https:\S+ could not be reached: .* \(unreachable\)\n/,
    );
    expect(cli.err).toContain("The demo failed: boardkeeper update ended with exit code 1");
    expectNothingLeft(home);
  });

  it("fails at once, with its last words, when the hub is killed", async () => {
    const { cli, home } = await demo();
    await cli.written(/A reboot, followed/);
    process.kill(holderOf(home, "hub.lock"), "SIGKILL");
    expect(await cli.exitCode).toBe(1);
    expect(cli.err).toContain("The demo failed: its local hub has ended (SIGKILL).");
    expectNothingLeft(home);
  });

  it.each<[string, RegExp, NodeJS.Signals]>([
    ["while it sets up, by Ctrl-C", /A hub, a board/, "SIGINT"],
    ["in the middle, by Ctrl-C", /Reboot scheduled/, "SIGINT"],
    ["in the middle, because the terminal was closed", /Reboot scheduled/, "SIGHUP"],
  ])("leaves nothing behind when it is ended %s", async (_what, sign, signal) => {
    const { cli, home } = await demo();
    await cli.written(sign);
    cli.signal(signal);
    expect(await cli.exitCode).toBe(130);
    expectNothingLeft(home);
  });

  it("stays to be played with, until Ctrl-C, which is no failure", async () => {
    const { cli, home } = await demo("--stay");
    await cli.written(/Ctrl-C here ends it/);
    expect(cli.out).toContain(`export BOARDKEEPER_HOME=${home}\n`);
    const status = new CliProcess(["status", "-d", "demo-board"], { BOARDKEEPER_HOME: home });
    expect(await status.exitCode).toBe(0);
    expect(status.out).toMatch(/Firmware +1\.1\.0, proven at/);
    cli.signal("SIGINT");
    expect(await cli.exitCode).toBe(0);
    expectNothingLeft(home);
  });
});
