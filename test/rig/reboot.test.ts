import { describe, expect, it } from "vitest";
import { provisionedBoard } from "./board.ts";
import { systemNames } from "./layers.ts";

describe.each(systemNames)("a reboot of %s", (system) => {
  it("is real, and the operator's command ends with 0 when it is proven", async () => {
    const board = await provisionedBoard(system);
    const first = await board.machine.powerOn();
    await board.service.until("boardkeeper.agent.bootId", first.bootId);

    const { status, stdout } = await board.cli("reboot", "-d", board.deviceId, "--wait");
    expect(status).toBe(0);
    const second = await board.machine.booted(2);
    expect(second.bootId).not.toBe(first.bootId);
    expect(stdout).toContain(
      `Proven: boot ${first.bootId.slice(0, 8)} ended, boot ${second.bootId.slice(0, 8)} began.`,
    );
    const reported = await board.service.until("boardkeeper.agent.bootId", second.bootId);
    expect(reported["boardkeeper"].reboot).toMatchObject({ phase: "proven", cause: "requested" });
    expect(reported["rebootTime"]).toMatch(/^\d{4}-\d\d-\d\dT/);
  });
});
