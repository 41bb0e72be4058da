import { describe, expect, it } from "vitest";
import { provisionedBoard, type Board } from "./board.ts";
import { systemNames } from "./layers.ts";

/** A board that is up and has reported it. */
async function boardOnline(system: (typeof systemNames)[number]): Promise<Board> {
  const board = await provisionedBoard(system);
  const { bootId } = await board.machine.powerOn();
  await board.service.untilReported("boardkeeper.agent.bootId", bootId);
  return board;
}

describe.each(systemNames)("a reboot of %s", (system) => {
  it("is real, and the operator's command ends with 0 when it is proven", async () => {
    const { machine, service, cli, deviceId } = await boardOnline(system);
    const first = machine.boot;
    const { status, stdout } = await cli("reboot", "-d", deviceId, "--wait");
    expect(status).toBe(0);
    const second = await machine.booted(2);
    expect(second.bootId).not.toBe(first.bootId);
    expect(stdout).toContain(
      `Proven: boot ${first.bootId.slice(0, 8)} ended, boot ${second.bootId.slice(0, 8)} began.`,
    );
    const reported = await service.untilReported("boardkeeper.reboot.phase", "proven");
    expect(reported["boardkeeper"]).toMatchObject({ agent: { bootId: second.bootId }, reboot: { cause: "requested" } });
    expect(reported["rebootTime"]).toMatch(/^\d{4}-\d\d-\d\dT/);
  });

  it("comes when its delay is over, once, however often it is asked for", async () => {
    const { machine, service } = await boardOnline(system);
    const request = { delaySeconds: 2, operationId: "once" };
    expect((await service.callMethod("rebootDevice", request)).status).toBe(200);
    expect((await service.callMethod("rebootDevice", request)).payload).toMatchObject({ repeated: true });
    expect((await service.callMethod("rebootDevice", { operationId: "another" })).status).toBe(409);
    const { bootId } = await machine.booted(2);
    const reported = await service.untilReported("boardkeeper.reboot.phase", "proven");
    expect(reported["boardkeeper"]).toMatchObject({ agent: { bootId }, reboot: { operationId: "once" } });
    expect(machine.boots).toHaveLength(2);
  });

  it("that was cancelled does not come", async () => {
    const { machine, service } = await boardOnline(system);
    await service.callMethod("rebootDevice", { delaySeconds: 3_600, operationId: "never" });
    expect(await machine.shell("systemctl show -P StatusText boardkeeper-agent")).toMatch(/Reboot scheduled for/);
    expect(await service.callMethod("cancelReboot", { operationId: "never" })).toMatchObject({ status: 200 });
    await service.untilReported("boardkeeper.reboot.phase", "cancelled");
    // The next one is the second boot: nothing came in between.
    await service.callMethod("rebootDevice", { operationId: "now" });
    const { bootId } = await machine.booted(2);
    const reported = await service.untilReported("boardkeeper.reboot.phase", "proven");
    expect(reported["boardkeeper"]).toMatchObject({ agent: { bootId }, reboot: { operationId: "now" } });
  });

  it("for which the power came first is over, and is said to be of another cause", async () => {
    const { machine, service } = await boardOnline(system);
    await service.callMethod("rebootDevice", { delaySeconds: 3_600, operationId: "late" });
    await service.untilReported("boardkeeper.reboot.phase", "scheduled");
    await machine.cutPower();
    const { bootId } = await machine.powerOn();
    await service.untilReported("boardkeeper.agent.bootId", bootId);
    const reported = await service.untilReported("boardkeeper.reboot.phase", "proven");
    expect(reported["boardkeeper"].reboot).toMatchObject({ operationId: "late", cause: "other" });
    expect((await service.callMethod("cancelReboot")).status).toBe(404);
  });

  it("can be done ten times in a row, each proven and none reported twice", async () => {
    const { machine, service } = await boardOnline(system);
    const times = new Set<unknown>();
    for (let boots = 2; boots <= 11; boots += 1) {
      const { status } = await service.callMethod("rebootDevice", { operationId: `reboot-${boots}` });
      expect(status).toBe(200);
      const { bootId } = await machine.booted(boots);
      // Accepting this one has taken the last one's "proven" away.
      const { boardkeeper, rebootTime } = await service.untilReported("boardkeeper.reboot.phase", "proven");
      const reboot = { operationId: `reboot-${boots}`, cause: "requested" };
      expect(boardkeeper).toMatchObject({ agent: { bootId }, reboot });
      times.add(rebootTime);
    }
    expect(times.size).toBe(10);
    expect(new Set(machine.boots.map(({ bootId }) => bootId)).size).toBe(11);
  });
});
