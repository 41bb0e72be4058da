import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { testHub } from "../../support/local-hub.ts";
import { boardProcess } from "../../support/processes.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { boardkeeper, ToolProcess } from "../../support/tool-process.ts";

describe("the program", () => {
  it("teaches when it is called with nothing", async () => {
    const { status, stdout, stderr } = await boardkeeper(await temporaryFolder());
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("First steps, on this machine alone:");
  });

  it("says how to begin where there is no hub", async () => {
    const { status, stdout, stderr } = await boardkeeper(await temporaryFolder(), "device", "list");
    expect([status, stdout]).toEqual([3, ""]);
    expect(stderr).toContain("Start a local hub with: boardkeeper hub start");
  });

  it("says that the local hub is not running", async () => {
    const home = await temporaryFolder();
    const hub = await testHub({ folder: join(home, "hub") });
    await hub.stop();
    const { status, stderr } = await boardkeeper(home, "device", "list");
    expect(status).toBe(7);
    expect(stderr).toMatch(/The local hub \(localhost:\d+\) cannot be reached[^]*Start it with: boardkeeper hub start/);
  });

  /** A home with a hub in it, and a board in processes of its own that has connected. */
  async function homeWithBoard(): Promise<string> {
    const home = await temporaryFolder();
    const hub = await testHub({ folder: join(home, "hub") });
    const board = await boardProcess(hub);
    await board.start().line({ msg: "connected to the hub" });
    return home;
  }

  it("reboots a board and ends with 0", async () => {
    const { status, stdout, stderr } = await boardkeeper(await homeWithBoard(), "reboot", "-d", "board-1", "--wait");
    expect(stdout).toMatch(/^board-1 has rebooted\. Proven: boot [0-9a-f]{8} ended, boot [0-9a-f]{8} began\.\n$/);
    // Not a terminal: no colours, no line drawn over another.
    expect(stderr).not.toContain("\u001b");
    expect(status).toBe(0);
  });

  it.each([
    [
      "reboot -d board-1 --in 1h --wait",
      /scheduled +for/,
      130,
      "The reboot continues. Watch it with: boardkeeper watch -d board-1",
    ],
    ["watch -d board-1", /Watching board-1/, 0, "Stop with Ctrl-C."],
  ])("ends at Ctrl-C: %s", async (line, sign, status, said) => {
    const tool = new ToolProcess(await homeWithBoard(), line.split(" "));
    await tool.says(sign);
    tool.kill("SIGINT");
    expect(await tool.ended).toBe(status);
    expect(tool.stderr).toContain(said);
  });
});
