import { describe, expect, it } from "vitest";
import { AgentError } from "../../../agent/lib/errors.ts";
import { FakeBoard } from "../../support/fake-board.ts";
import { FakeHub } from "../../support/fake-hub.ts";
import { settle } from "../../support/fake-time.ts";
import { Gate } from "../../support/gate.ts";
import { digest } from "../../support/updates.ts";

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const full = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
const readOnly = Object.assign(new Error("read-only file system"), { code: "EROFS" });
const update = {
  fwPackageUri: "https://images.example/board.img",
  fwPackageCheckValue: digest,
  fwVersion: "2.0.0",
  operationId: "op-1",
};

async function setup(): Promise<{ hub: FakeHub; board: FakeBoard; problems: () => unknown }> {
  const hub = new FakeHub();
  const board = new FakeBoard(hub);
  await board.powerOn();
  return { hub, board, problems: () => hub.at("boardkeeper.agent.problems") };
}

describe("a board whose disk takes nothing", () => {
  it.each<[string, unknown]>([
    ["firmwareUpdate", update],
    ["rebootDevice", { operationId: "rb-1" }],
  ])(
    "refuses %s, says why in the twin and in its status, and does it when the disk is well",
    async (method, payload) => {
      const { hub, board, problems } = await setup();
      expect(problems()).toBeUndefined();
      board.refusal = full;
      const refused = await hub.call(method, payload);
      expect(refused).toMatchObject({ status: 500, payload: { error: { code: "state-not-saved" } } });
      expect(refused.payload.Response).toMatch(/^Nothing was done\. .*the disk is full \(ENOSPC\)\. Free some space/);
      await board.time.advance(minuteMs);
      const sentence = expect.stringMatching(/cannot be saved, so no action is started: the disk is full \(ENOSPC\)/);
      expect(problems()).toStrictEqual([sentence]);
      expect(await hub.call("getStatus", {})).toMatchObject({
        status: 200,
        payload: { agent: { problems: [sentence] } },
      });
      expect([board.installs, board.boots]).toStrictEqual([[], 1]);

      board.refusal = undefined;
      await board.time.advance(minuteMs);
      expect(problems()).toBeUndefined();
      expect((await hub.call(method, payload)).status).toBe(200);
      await board.time.advance(10 * minuteMs);
      expect(board.boots).toBe(2);
    },
  );

  it("stays connected for a day of it, and writes seldom", async () => {
    const { hub, board, problems } = await setup();
    board.refusal = full;
    await hub.call("rebootDevice", {});
    const { writes } = board;
    await board.time.advance(dayMs);
    expect(hub.attempts).toBeLessThan(4); // A token is renewed once a day.
    expect(problems()).not.toBeUndefined();
    expect(board.writes - writes).toBeLessThanOrEqual(dayMs / minuteMs + 3);
    const reports = hub.history.length;
    await board.time.advance(dayMs);
    expect(hub.history.length - reports).toBe(0);
  });

  it("reports another message when the disk has another reason", async () => {
    const { hub, board, problems } = await setup();
    board.refusal = full;
    await hub.call("rebootDevice", {});
    board.refusal = readOnly;
    await board.time.advance(minuteMs);
    expect(problems()).toStrictEqual([expect.stringContaining("read-only (EROFS)")]);
  });

  it("reports the end of an update once it is saved, and what it will be meanwhile", async () => {
    const { hub, board, problems } = await setup();
    board.fetchFailure = new AgentError("no-space", "The board's disk became full while the image arrived.");
    await hub.call("firmwareUpdate", update);
    board.refusal = full;
    await board.time.advance(dayMs);
    expect([hub.at("boardkeeper.update.phase"), hub.at("firmware.fwUpdateStatus")]).toStrictEqual([
      "downloading",
      "downloading",
    ]);
    expect(problems()).toStrictEqual([
      expect.stringContaining("the disk is full (ENOSPC)"),
      "Update op-1 ends as failed (no-space) once that can be saved: The board's disk became full while the image arrived.",
    ]);
    board.refusal = undefined;
    await board.time.advance(minuteMs);
    expect(board.saved?.update).toMatchObject({ phase: "failed", error: { code: "no-space" } });
    expect([hub.at("boardkeeper.update.phase"), hub.at("firmware.fwUpdateStatus")]).toStrictEqual(["failed", "error"]);
    expect(problems()).toBeUndefined();
  });

  it("begins nothing of an update that it could not take up again, and goes on when it can", async () => {
    const { hub, board } = await setup();
    await hub.call("firmwareUpdate", update);
    board.refusal = readOnly;
    await board.time.advance(dayMs);
    expect(board.installs).toStrictEqual([]);
    expect(hub.at("boardkeeper.update.phase")).toBe("downloading");
    board.refusal = undefined;
    await board.time.advance(15 * minuteMs);
    expect([board.installs, hub.at("boardkeeper.update.phase")]).toStrictEqual([["op-1"], "completed"]);
  });

  it("does not go down for a reboot that it could not save, neither then nor later", async () => {
    const { hub, board, problems } = await setup();
    await hub.call("rebootDevice", { delaySeconds: 60, operationId: "rb-1" });
    board.refusal = readOnly;
    await board.time.advance(10 * minuteMs);
    expect(hub.at("boardkeeper.reboot.phase")).toBe("scheduled");
    expect(problems()).toStrictEqual([
      expect.stringContaining("read-only (EROFS)"),
      expect.stringMatching(
        /^Reboot rb-1 ends as failed \(state-not-saved\) once that can be saved: The reboot was due/,
      ),
    ]);
    board.refusal = undefined;
    await board.time.advance(10 * minuteMs);
    expect(board.boots).toBe(1);
    expect(board.saved?.reboot).toMatchObject({ phase: "failed", error: { code: "state-not-saved" } });
    expect([hub.at("boardkeeper.reboot.phase"), problems()]).toStrictEqual(["failed", undefined]);
  });

  it.each(["as it comes due", "while its absence is being saved"])(
    "does not go down later for a reboot whose disk died %s, after a restart of the agent either",
    async (when) => {
      const { hub, board } = await setup();
      board.rebootRefusal = new Error("systemd said no");
      await hub.call("rebootDevice", { delaySeconds: 60 });
      if (when === "as it comes due") board.refusal = readOnly;
      else board.isLastSave = (saved) => saved.reboot.phase === "rebooting";
      await board.time.advance(30 * minuteMs);
      board.isLastSave = () => false;
      expect(hub.at("boardkeeper.reboot.phase")).not.toBe("failed");
      board.refusal = undefined;
      board.rebootRefusal = undefined;
      await board.restartAgent();
      await board.time.advance(10 * minuteMs);
      expect([board.boots, hub.at("boardkeeper.reboot.phase")]).toStrictEqual([1, "failed"]);
      expect(hub.at("boardkeeper.reboot.error.code")).toBe("reboot-never-came");
    },
  );

  it("takes back no end that it has reported: what was not saved is done again after a restart of the agent", async () => {
    const { hub, board } = await setup();
    board.fetchFailure = new AgentError("http-status", "The server said 404.");
    await hub.call("firmwareUpdate", update);
    board.refusal = readOnly;
    await board.time.advance(10 * minuteMs);
    expect(hub.at("boardkeeper.update.phase")).toBe("downloading");
    board.fetchFailure = undefined;
    board.refusal = undefined;
    await board.restartAgent();
    await board.time.advance(20 * minuteMs);
    expect([board.installs, hub.at("boardkeeper.update.phase")]).toStrictEqual([["op-1"], "completed"]);
    expect(hub.history.map((one) => hub.at("boardkeeper.update.phase", one))).not.toContain("failed");
  });

  it("has one look at a desired document to save, however often its link comes back", async () => {
    const { hub, board } = await setup();
    board.refusal = full;
    hub.setDesired({
      firmware: { fwPackageURI: update.fwPackageUri, fwPackageCheckValue: digest, fwVersion: "2.0.0" },
    });
    await board.time.advance(minuteMs);
    const { writes } = board;
    const before = hub.attempts;
    for (let cut = 0; cut < 20; cut += 1) {
      hub.cut();
      hub.isReachable = true;
      await board.time.advance(10 * minuteMs);
    }
    expect(hub.attempts - before).toBeGreaterThanOrEqual(20);
    expect(board.writes - writes).toBeLessThanOrEqual(201); // Once a minute, as without any of that.
    board.refusal = undefined;
    await board.time.advance(15 * minuteMs);
    expect([board.installs.length, hub.at("boardkeeper.update.phase")]).toStrictEqual([1, "completed"]);
  });

  it("goes down a little late where the disk takes it within a minute", async () => {
    const { hub, board } = await setup();
    await hub.call("rebootDevice", { delaySeconds: 60 });
    board.refusal = readOnly;
    await board.time.advance(minuteMs + 10_000);
    board.refusal = undefined;
    await board.time.advance(5 * minuteMs);
    expect([board.boots, hub.at("boardkeeper.reboot.phase")]).toStrictEqual([2, "proven"]);
  });

  it("is reached after a start on such a disk, takes nothing up, and goes on when it can", async () => {
    const { hub, board, problems } = await setup();
    board.refusal = readOnly;
    await board.restart();
    await board.time.advance(minuteMs);
    expect(problems()).toStrictEqual([expect.stringContaining("read-only (EROFS)")]);
    expect((await hub.call("getStatus", {})).status).toBe(200);
    const asked = hub.call("rebootDevice", {});
    await board.time.advance(minuteMs);
    expect(await asked).toMatchObject({ status: 500, payload: { error: { code: "state-not-saved" } } });
    board.refusal = undefined;
    await board.time.advance(2 * minuteMs);
    expect(problems()).toBeUndefined();
    expect(hub.at("boardkeeper.reboot.phase")).toBe("proven");
  });
});

it("writes nothing in a day of doing nothing", async () => {
  const { board } = await setup();
  await board.time.advance(10 * minuteMs);
  const { writes } = board;
  await board.time.advance(dayMs);
  expect([writes, board.writes]).toStrictEqual([1, 1]);
});

it("a slow disk: of desired documents that came while it saved something else, the last is begun, and no other", async () => {
  const { hub, board } = await setup();
  const saving = new Gate();
  board.saving = saving;
  const called = hub.call("rebootDevice", { delaySeconds: 3_600 });
  await saving.reached;
  const wanted = (version: string): void =>
    hub.setDesired({
      firmware: { fwPackageURI: `https://images.example/${version}`, fwPackageCheckValue: digest, fwVersion: version },
    });
  wanted("2.0.0");
  await settle();
  wanted("3.0.0");
  board.saving = undefined;
  saving.open();
  await called;
  await board.time.advance(2 * minuteMs);
  const versions = new Set(hub.history.map((one) => hub.at("boardkeeper.update.version", one)).filter(Boolean));
  expect([...versions]).toStrictEqual(["3.0.0"]);
});
