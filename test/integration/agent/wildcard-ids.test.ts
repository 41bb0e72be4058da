import { join } from "node:path";
import { expect, it } from "vitest";
import { FakeBoard } from "../../support/fake-board.ts";
import { FakeHub } from "../../support/fake-hub.ts";
import { runCli } from "../../support/run-cli.ts";
import { testHub } from "../../support/local-hub.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { TestBoard } from "../../support/test-board.ts";

it.each(["board#1", "board+1", "a#+b"])(
  "a board with the id %s is added, called and followed, and never publishes where its id would be a wildcard",
  async (deviceId) => {
    const hub = await testHub({ folder: join(await temporaryFolder(), "hub") });
    const board = await TestBoard.start(hub, { deviceId, settings: { "health.every-seconds": 60 } });
    const status = await runCli(hub, `status -d ${deviceId} --output json`);
    expect(status).toMatchObject({ exitCode: 0, err: "" });
    expect(JSON.parse(status.out)).toMatchObject({ deviceId });
    const rebooted = await runCli(hub, `reboot -d ${deviceId} --wait`);
    expect(rebooted.out).toContain(`${deviceId} has rebooted`);
    expect(board.attempts).toBe(2); // One for each boot: nothing has cost a connection.
  },
);

it("a board with such an id says why it sends nothing, and works on", async () => {
  const hub = new FakeHub();
  const board = new FakeBoard(hub, { identity: "board#1/" });
  await board.powerOn();
  await board.time.advance(86_400_000);
  expect(hub.messages).toStrictEqual([]);
  expect(hub.at("boardkeeper.agent.problems")).toStrictEqual([expect.stringContaining('The id board#1 holds "#"')]);
});

it("adding such a device warns, and only there", async () => {
  const hub = await testHub({ folder: join(await temporaryFolder(), "hub") });
  expect((await runCli(hub, "device add -d board+2")).err).toContain('Warning: The id board+2 holds "+"');
  expect((await runCli(hub, "device add -d board-3")).err).not.toContain("Warning");
});
