import { expect, it } from "vitest";
import { testHub } from "../../support/local-hub.ts";
import { ServiceApp } from "../../support/service-app.ts";
import { TestBoard } from "../../support/test-board.ts";

/* A property that the hub answers with 400, over the real SDK. */

it("a number that the hub does not take is left out and named, and all the rest is reported, through an update", async () => {
  const hub = await testHub();
  // No integer beyond 2^52 is taken.
  await TestBoard.start(hub, { inventory: { memoryBytes: 2 ** 60, model: "Board" } });
  const service = new ServiceApp(hub);
  await service.untilReported("boardkeeper.board.model", "Board");
  await service.callMethod("firmwareUpdate", { fwPackageUri: "test.com", operationId: "rehearsal" });
  const reported = await service.untilReported("boardkeeper.update.phase", "completed");
  expect(reported["firmwareStatus"]).toBe("completed");
  expect(reported["boardkeeper"].board).not.toHaveProperty("memoryBytes");
  const { payload } = await service.callMethod("getStatus");
  expect(payload).toMatchObject({
    link: {
      up: true,
      reporting: {
        state: "reduced",
        leftOut: ["boardkeeper.board.memoryBytes"],
        reason: expect.stringMatching(/^report: .*\(400/) as string,
      },
    },
  });
});
