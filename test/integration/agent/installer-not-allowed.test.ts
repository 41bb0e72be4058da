import { expect, it } from "vitest";
import { AgentError } from "../../../agent/lib/errors.ts";
import { FakeBoard } from "../../support/fake-board.ts";
import { FakeHub } from "../../support/fake-hub.ts";
import { digest } from "../../support/updates.ts";

const fetchMs = 40_000;

it.each([
  ["installer-not-allowed", "failed"],
  ["version-unknown", "staged"], // A system that has just started may know it in a moment.
] as const)("a version that is unknown with %s leaves the update %s at once", async (code, phase) => {
  const hub = new FakeHub();
  const board = new FakeBoard(hub);
  await board.powerOn();
  board.startHold = Promise.reject(new AgentError(code, "Why."));
  board.startHold.catch(() => undefined); // It is asked for later.
  const fwPackageUri = "https://images.example/board.img";
  await hub.call("firmwareUpdate", { fwPackageUri, fwPackageCheckValue: digest, fwVersion: "2.0.0" });
  await board.time.advance(fetchMs + 1_000);
  expect(hub.at("boardkeeper.update.phase")).toBe(phase);
  await board.time.advance(60_000);
  expect(hub.at("boardkeeper.update.error")).toMatchObject({ code, message: "Why." });
  expect(board.installs).toEqual([]);
});
