import { describe, expect, it } from "vitest";
import { provisionedBoard } from "./board.ts";
import { systemNames } from "./layers.ts";

/**
 * What makes an agent hang when it is sent a signal: an event loop that does not turn any more, or a boot clock that runs a
 * thousand times faster, so that the bound of a duty is over within seconds while the event loop turns as ever.
 */
const sabotage = `
process.on("SIGUSR2", () => { for (;;); });
const { bigint } = process.hrtime;
let fasterFrom;
process.on("SIGHUP", () => (fasterFrom = bigint()));
process.hrtime.bigint = () => {
  const now = bigint();
  return fasterFrom === undefined ? now : fasterFrom + (now - fasterFrom) * 1000n;
};
`;

describe.each(systemNames)("the watchdog on %s", (system) => {
  async function sabotagedBoard(): ReturnType<typeof provisionedBoard> {
    const board = await provisionedBoard(system);
    await board.machine.disk.write("/etc/boardkeeper/sabotage.cjs", sabotage);
    await board.machine.disk.write(
      "/etc/systemd/system/boardkeeper-agent.service.d/rig.conf",
      "[Service]\nWatchdogSec=3\nEnvironment=NODE_OPTIONS=--require=/etc/boardkeeper/sabotage.cjs\n",
    );
    const { bootId } = await board.machine.powerOn();
    await board.service.untilReported("boardkeeper.agent.bootId", bootId);
    return board;
  }

  it("is fed, and has an agent started again whose event loop stands still", async () => {
    const { machine, service } = await sabotagedBoard();
    const startedAt = await service.reported("boardkeeper.agent.startedAt");
    await machine.shell("systemctl kill --kill-who=main -s SIGUSR2 boardkeeper-agent");
    await machine.logged("boardkeeper-agent", /Watchdog timeout \(limit 3s\)/);
    await service.untilReported("boardkeeper.agent.startedAt", (time) => time !== startedAt);
    expect((await service.callMethod("getStatus")).status).toBe(200);
  });

  it("restarts an agent whose work has stalled, although its event loop runs", async () => {
    const { machine, service } = await sabotagedBoard();
    // The order waits for a helper that nobody starts.
    await machine.shell("systemctl mask --runtime --now boardkeeper-reboot.path");
    expect((await service.callMethod("rebootDevice", { operationId: "stuck" })).status).toBe(200);
    await service.untilReported("boardkeeper.reboot.phase", "rebooting");
    await machine.shell("systemctl kill --kill-who=main -s SIGHUP boardkeeper-agent");
    await machine.logged(
      "boardkeeper-agent",
      /"name":"reboot: reboot".*work has stalled, the watchdog is not fed any more/,
    );
    await machine.logged(
      "boardkeeper-agent",
      /[Ww]atchdog.*last status: Stalled: reboot: reboot has not moved for \d+ min/,
    );
    // The next one goes on from what was saved: the path unit watches again, and the board goes down.
    await machine.shell(
      "systemctl unmask --runtime boardkeeper-reboot.path && systemctl start boardkeeper-reboot.path",
    );
    const second = await machine.booted(2);
    await service.untilReported("boardkeeper.agent.bootId", second.bootId);
    const reported = await service.untilReported("boardkeeper.reboot.phase", "proven");
    expect(reported["boardkeeper"].reboot).toMatchObject({ operationId: "stuck", cause: "requested" });
  });
});
