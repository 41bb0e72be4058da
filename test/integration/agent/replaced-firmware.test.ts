import { describe, expect, it } from "vitest";
import { textAt, type Json, type JsonObject } from "../../../agent/contract/json.ts";
import { createLog } from "../../../agent/lib/log.ts";
import { FakeBoard } from "../../support/fake-board.ts";
import { FakeHub } from "../../support/fake-hub.ts";
import { digest } from "../../support/updates.ts";

/* A declared update whose document gives way to another one: the end of it is known to whoever asks later. */

const first = {
  fwVersion: "2.0.0",
  fwPackageURI: "https://images.example/2.img",
  fwPackageCheckValue: digest,
  operationId: "op-1",
  apply: "manual",
};
const second = {
  ...first,
  fwVersion: "3.0.0",
  fwPackageURI: "https://images.example/3.img",
  operationId: "op-2",
};
/** The image of the version that runs. */
const installed = { ...first, fwVersion: "1.0.0", operationId: "back" };
/** How many seconds after the document has come its update is in this phase. */
const secondsUntil = { downloading: 10, staged: 180 } as const;

async function setup() {
  const hub = new FakeHub();
  let text = "";
  const board = new FakeBoard(hub, { log: createLog("info", { write: (line) => void (text += line) }) });
  await board.powerOn();
  const declare = async (firmware: Json, seconds: number): Promise<void> => {
    hub.replaceDesired({ firmware });
    await board.time.advance(seconds * 1_000);
  };
  /** The phases that the log has of an operation. */
  const logged = (operationId: string): string[] =>
    text
      .split("\n")
      .filter((line) => line !== "")
      .map((line): JsonObject => JSON.parse(line))
      .filter((line) => line["msg"] === "update phase" && line["operationId"] === operationId)
      .map((line) => `${textAt(line, "level")}: ${textAt(line, "from")} -> ${textAt(line, "to")}`);
  return { hub, board, declare, logged };
}

const replaced = { kind: "update", operationId: "op-1", version: "2.0.0", outcome: "cancelled" };
const error = { code: "replaced", message: expect.stringContaining("(3.0.0) took the place") };

describe("an update that another document takes the place of", () => {
  it.each(["downloading", "staged"] as const)("has its end in history, log and twin: it is %s", async (phase) => {
    const { hub, board, declare, logged } = await setup();
    await declare(first, secondsUntil[phase]);
    expect(hub.at("boardkeeper.update.phase")).toBe(phase);
    await declare(second, 180);
    expect(board.history).toMatchObject([{ ...replaced, error }]);
    expect(logged("op-1").at(-1)).toBe(`warn: ${phase} -> cancelled`);
    expect(logged("op-2")[0]).toBe("info: cancelled -> accepted");
    expect(hub.at("boardkeeper.update")).toMatchObject({ operationId: "op-2", phase: "staged" });
    expect(hub.at("boardkeeper.update")).not.toHaveProperty("error");
  });

  it("has one end for each document that gives way, also where one comes again", async () => {
    const { hub, board, declare } = await setup();
    await declare(first, 180);
    await declare(second, 180);
    await declare(first, 180);
    await declare(null, 180);
    expect(hub.at("boardkeeper.update")).toMatchObject({ operationId: "op-1", error: { code: "withdrawn" } });
    expect(board.history.map((one) => [one.operationId, one.error?.code])).toStrictEqual([
      ["op-1", "replaced"],
      ["op-2", "replaced"],
      ["op-1", "withdrawn"],
    ]);
  });

  it.each([
    ["that was there", second, { operationId: "op-2", phase: "staged" }],
    ["that has gone back meanwhile", first, { operationId: "op-1", phase: "staged" }],
    ["for the version that runs", installed, { operationId: "op-1", phase: "cancelled" }],
  ])("has its end there when the power goes before the next save, and the document %s counts", async (_, last, end) => {
    const { hub, board, declare } = await setup();
    await declare(first, 180);
    board.isLastSave = ({ update }) => update.phase === "cancelled";
    await declare(second, 1);
    expect(board.saved?.update).toMatchObject({ phase: "cancelled", error: { code: "replaced" } });
    board.isLastSave = () => false;
    board.refusal = undefined;
    hub.cut();
    hub.desired = { firmware: last };
    hub.isReachable = true;
    await board.restart();
    await board.time.advance(180_000);
    expect(board.history.filter(({ kind }) => kind === "update")).toMatchObject([{ ...replaced, error }]);
    expect(hub.at("boardkeeper.update")).toMatchObject(end);
  });

  it("has its end there where the other document is refused after all, and starts when it is declared again", async () => {
    const { hub, board, declare } = await setup();
    await declare({ ...first, apply: "now" }, 600);
    await declare(second, 180);
    await declare({ ...first, fwPackageCheckValue: "c".repeat(64), operationId: "op-3" }, 60);
    expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "cancelled", refused: { code: "version-in-use" } });
    expect(board.history.at(-1)).toMatchObject({ operationId: "op-2", error: { code: "replaced" } });
    await declare(second, 180);
    expect(hub.at("boardkeeper.update")).toMatchObject({ operationId: "op-2", phase: "staged" });
  });
});
