import { expect, it } from "vitest";
import type { JsonObject } from "../../../agent/contract/json.ts";
import { FakeBoard } from "../../support/fake-board.ts";
import { FakeHub } from "../../support/fake-hub.ts";
import { digest } from "../../support/updates.ts";

/* Sections of the desired properties whose name has a slip of the pen: they are told, and withdraw nothing. */

const firmware = {
  fwVersion: "2.0.0",
  fwPackageURI: "https://images.example/board.img",
  fwPackageCheckValue: digest,
  operationId: "op-1",
  apply: "manual",
};

async function setup(desired: JsonObject) {
  const hub = new FakeHub();
  const board = new FakeBoard(hub);
  await board.powerOn();
  const replaceDesired = async (document: JsonObject): Promise<void> => {
    hub.replaceDesired(document);
    await board.time.advance(180_000);
  };
  await replaceDesired(desired);
  return { hub, board, replaceDesired };
}

it.each(["Firmware", "firmwares", "firmwrae"])(
  "%s withdraws no update, is refused, and the corrected document goes on with it",
  async (key) => {
    const { hub, board, replaceDesired } = await setup({ firmware });
    await replaceDesired({ [key]: firmware });
    const message = `Bad request: ${key}: not a known section (did you mean firmware?).`;
    expect(hub.at("boardkeeper.update")).toMatchObject({
      operationId: "op-1",
      phase: "staged",
      refused: { code: "bad-request", message, desiredVersion: 3 },
    });
    await board.restartAgent();
    await board.time.advance(60_000);
    expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "staged", refused: { message } });
    await replaceDesired({ firmware });
    expect(hub.at("boardkeeper.update.phase")).toBe("staged");
    expect(hub.at("boardkeeper.update.refused")).toBeUndefined();
    await replaceDesired({});
    expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "cancelled", error: { code: "withdrawn" } });
  },
);

it("a whole twin where its desired properties belong withdraws nothing either", async () => {
  const { hub, replaceDesired } = await setup({ firmware });
  await replaceDesired({ properties: { desired: { firmware } } });
  expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "staged", refused: { code: "bad-request" } });
});

it.each(["Boardkeeper", "boardkeepr"])("%s takes no settings away, and is refused", async (key) => {
  const { hub, board, replaceDesired } = await setup({ boardkeeper: { agent: { "log-level": "warn" } } });
  expect(hub.at("boardkeeper.config")).toMatchObject({ status: "applied" });
  await replaceDesired({ [key]: { agent: { "log-level": "debug" } } });
  expect(hub.at("boardkeeper.config")).toMatchObject({
    version: 3,
    status: "refused",
    error: { code: "bad-request", message: `Bad request: ${key}: not a known section (did you mean boardkeeper?).` },
  });
  expect(board.logLevel).toBe("warn");
  await replaceDesired({});
  expect([hub.at("boardkeeper.config"), board.logLevel]).toStrictEqual([undefined, "info"]);
});

it("a misspelt section beside the right one is a problem, and the right one counts", async () => {
  const { hub, board, replaceDesired } = await setup({ firmware });
  await replaceDesired({ firmware: { ...firmware, apply: "now" }, Firmware: { ...firmware, fwVersion: "3.0.0" } });
  const problem = expect.stringContaining("Firmware: not a known section (did you mean firmware?)");
  expect(hub.at("boardkeeper.agent.problems")).toStrictEqual([problem]);
  await board.time.advance(600_000);
  expect(hub.at("boardkeeper.update")).toMatchObject({ operationId: "op-1", phase: "completed" });
  await replaceDesired({ firmware });
  expect(hub.at("boardkeeper.agent.problems")).toBeUndefined();
});
