import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { boardkeeper, processesWith, ToolProcess } from "../support/tool-process.ts";

/** The demo as a process, and the folder in which all of it lies. */
async function demo(...args: string[]): Promise<{ tool: ToolProcess; home: string }> {
  // What a user's shell may hold must not lead the demo to another hub.
  const tool = new ToolProcess("/nonexistent", ["demo", ...args], {
    IOTHUB_CONNECTION_STRING: "HostName=elsewhere.example",
  });
  const home = await tool.says(/\/\S+\/boardkeeper-demo-\w+/);
  onTestFinished(() => {
    for (const pid of processesWith(`BOARDKEEPER_HOME=${home}`)) process.kill(pid, "SIGKILL");
  });
  return { tool, home };
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
    const { tool, home } = await demo();
    expect(await tool.ended).toBe(0);
    expect(tool.stdout).toMatch(/demo-board has rebooted\. Proven: boot \S+ ended, boot \S+ began\.\n/);
    expect(tool.stdout).toContain("demo-board runs 1.1.0, proven healthy after the update.\n");
    expect(tool.stdout).toMatch(/boardkeeper\.firmwareVersion +1\.0\.0 +1\.1\.0\n/);
    expect(tool.stdout).toMatch(/firmwareStatus +standBy +completed\n/);
    expect(tool.stderr).toBe("");
    expectNothingLeft(home);
  });

  it("fails with the board's own sentence when the image server is killed in the middle", async () => {
    const { tool, home } = await demo();
    await tool.says(/A reboot, followed/);
    process.kill(holderOf(home, "image-server.lock"), "SIGKILL");
    expect(await tool.ended).toBe(1);
    expect(tool.stdout).toMatch(
      /The update of demo-board failed while downloading\. https:\S+ could not be reached: .* \(unreachable\)\n/,
    );
    expect(tool.stderr).toContain("The demo failed: boardkeeper update ended with exit code 1");
    expectNothingLeft(home);
  });

  it("fails at once, with its last words, when the hub is killed", async () => {
    const { tool, home } = await demo();
    await tool.says(/A reboot, followed/);
    process.kill(holderOf(home, "hub.lock"), "SIGKILL");
    expect(await tool.ended).toBe(1);
    expect(tool.stderr).toContain("The demo failed: its local hub has ended (SIGKILL).");
    expectNothingLeft(home);
  });

  it.each<[string, RegExp, NodeJS.Signals]>([
    ["while it sets up, by Ctrl-C", /A hub, a board/, "SIGINT"],
    ["in the middle, by Ctrl-C", /Reboot scheduled/, "SIGINT"],
    ["in the middle, because the terminal was closed", /Reboot scheduled/, "SIGHUP"],
  ])("leaves nothing behind when it is ended %s", async (_what, sign, signal) => {
    const { tool, home } = await demo();
    await tool.says(sign);
    tool.kill(signal);
    expect(await tool.ended).toBe(130);
    expectNothingLeft(home);
  });

  it("stays to be played with, until Ctrl-C, which is no failure", async () => {
    const { tool, home } = await demo("--stay");
    await tool.says(/Ctrl-C here stops them/);
    expect(tool.stdout).toContain(`export BOARDKEEPER_HOME=${home}\n`);
    const { status, stdout } = await boardkeeper(home, "status", "-d", "demo-board");
    expect(status).toBe(0);
    expect(stdout).toMatch(/Firmware +1\.1\.0, proven at/);
    tool.kill("SIGINT");
    expect(await tool.ended).toBe(0);
    expectNothingLeft(home);
  });
});
