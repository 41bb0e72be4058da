import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CliProcess } from "../../support/cli-process.ts";
import { testHub } from "../../support/local-hub.ts";
import { boardProcess } from "../../support/processes.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

describe("the program", () => {
  it("teaches when it is called with nothing", async () => {
    const cli = new CliProcess([], {});
    expect(await cli.exitCode).toBe(0);
    expect(cli.out).toContain("First minutes, on this machine alone:");
    expect(cli.err).toBe("");
  });

  it("says how to begin where there is no hub", async () => {
    const cli = new CliProcess(["device", "list"], { BOARDKEEPER_HOME: await temporaryFolder() });
    expect(await cli.exitCode).toBe(3);
    expect(cli.err).toContain("Start a local hub with: boardkeeper hub start");
    expect(cli.out).toBe("");
  });

  it("says that the local hub is not running", async () => {
    const home = await temporaryFolder();
    const hub = await testHub({ folder: join(home, "hub") });
    await hub.stop();
    const cli = new CliProcess(["device", "list"], { BOARDKEEPER_HOME: home });
    expect(await cli.exitCode).toBe(7);
    expect(cli.err).toMatch(
      /The local hub \(localhost:\d+\) cannot be reached[^]*Start it with: boardkeeper hub start/,
    );
  });

  it("reboots a board in a process of its own and ends with 0", async () => {
    const home = await temporaryFolder();
    const hub = await testHub({ folder: join(home, "hub") });
    const board = await boardProcess(hub);
    await board.start().line({ msg: "connected to the hub" });
    const cli = new CliProcess(["reboot", "-d", "board-1", "--wait"], { BOARDKEEPER_HOME: home });
    expect(await cli.exitCode).toBe(0);
    expect(cli.out).toMatch(/^board-1 has rebooted\. Proven: boot [0-9a-f]{8} ended, boot [0-9a-f]{8} began\.\n$/);
    // Not a terminal: no colours, no line drawn over another.
    expect(cli.err).not.toContain("\u001b");
  });

  it.each([
    [
      "reboot -d board-1 --in 1h --wait",
      /scheduled +for/,
      130,
      "The reboot goes on; follow it with: boardkeeper watch -d board-1",
    ],
    ["watch -d board-1", /Watching board-1/, 0, "Stop with Ctrl-C."],
  ])("ends at Ctrl-C: %s", async (line, sign, exitCode, said) => {
    const home = await temporaryFolder();
    const hub = await testHub({ folder: join(home, "hub") });
    const board = await boardProcess(hub);
    await board.start().line({ msg: "connected to the hub" });
    const cli = new CliProcess(line.split(" "), { BOARDKEEPER_HOME: home });
    await cli.written(sign);
    cli.signal("SIGINT");
    expect(await cli.exitCode).toBe(exitCode);
    expect(cli.err).toContain(said);
  });
});
