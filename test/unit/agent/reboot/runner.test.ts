import { expect, it } from "vitest";
import { AgentError } from "../../../../agent/lib/errors.ts";
import { FakeBoard } from "../../../support/fake-board.ts";
import { FakeHub } from "../../../support/fake-hub.ts";

/* A whole agent over fakes of its ports, whose board takes half a minute to go down and come up. */

async function setup(): Promise<{ hub: FakeHub; board: FakeBoard }> {
  const hub = new FakeHub();
  const board = new FakeBoard(hub);
  await board.powerOn();
  return { hub, board };
}

it("gives the hub five seconds to hear of a reboot before it is ordered, and no more", async () => {
  const { hub, board } = await setup();
  await hub.call("rebootDevice", { delaySeconds: 60 });
  hub.cut();
  await board.time.advance(94_000);
  expect([board.saved?.reboot.phase, board.boots]).toStrictEqual(["rebooting", 1]);
  await board.time.advance(2_000);
  expect(board.boots).toBe(2);
});

it("says who holds an inhibitor that was taken between the look and the order", async () => {
  const { hub, board } = await setup();
  board.rebootRefusal = new AgentError("inhibited", "No reboot now: apt (busy) blocks a shutdown.");
  await hub.call("rebootDevice", {});
  await board.time.advance(60_000);
  expect(hub.at("boardkeeper.reboot")).toMatchObject({
    phase: "failed",
    error: { code: "inhibited", during: "rebooting", message: expect.stringContaining("apt (busy)") },
  });
});
