import { expect, it } from "vitest";
import { imageServer, serving, testImage } from "../../support/image-server.ts";
import { testHub } from "../../support/local-hub.ts";
import { TestBoard } from "../../support/test-board.ts";
import { at } from "../../support/paths.ts";
import { ServiceApp } from "../../support/service-app.ts";

async function declaring(
  apply: "now" | "manual",
): Promise<{ board: TestBoard; service: ServiceApp; firmware: object }> {
  const hub = await testHub();
  const image = testImage();
  const server = await imageServer(serving(image));
  const board = await TestBoard.start(hub, { imageCa: `${hub.ca}\n${server.ca}` });
  const firmware = {
    fwVersion: "2.0.0",
    fwPackageURI: `${server.origin}/board.img`,
    fwPackageCheckValue: image.sha256,
    apply,
  };
  return { board, service: new ServiceApp(hub), firmware };
}

it("a declared update that waits is cancelled when it is withdrawn, and starts when it is declared again", async () => {
  const { board, service, firmware } = await declaring("manual");
  await service.setDesired({ firmware });
  await service.untilReported("boardkeeper.update.phase", "staged");
  await service.setDesired({ firmware: null });
  const reported = await service.untilReported("boardkeeper.update.phase", "cancelled");
  expect(at(reported, "boardkeeper.update.error")).toMatchObject({ code: "withdrawn", during: "staged" });
  expect(at(reported, "firmware.fwUpdateSubstatus")).toMatch(/^cancelled: withdrawn: The firmware section/);
  expect(await board.runningVersion()).not.toBe("2.0.0");
  await service.setDesired({ firmware });
  await service.untilReported("boardkeeper.update.phase", "staged");
});

it("a declared update that has ended stays ended, across its withdrawal and the same document", async () => {
  const { board, service, firmware } = await declaring("now");
  await service.setDesired({ firmware });
  const ended = await service.untilReported("boardkeeper.update.phase", "completed");
  await service.setDesired({ firmware: null });
  await service.setDesired({ firmware });
  // A later section is answered after the earlier documents were handled.
  await service.setDesired({ boardkeeper: { agent: { "log-level": "warn" } } });
  const reported = await service.untilReported("boardkeeper.config.status", "applied");
  expect(at(reported, "boardkeeper.update.acceptedAt")).toBe(at(ended, "boardkeeper.update.acceptedAt"));
  expect(at(reported, "boardkeeper.update.phase")).toBe("completed");
  expect(board.boots).toBe(2);
});
