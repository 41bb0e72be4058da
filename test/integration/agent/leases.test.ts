import { describe, expect, it } from "vitest";
import { cronOpenings } from "../../../agent/maintenance/cron.ts";
import { FakeBoard } from "../../support/fake-board.ts";
import { FakeHub } from "../../support/fake-hub.ts";
import { digest } from "../../support/updates.ts";

/* A whole agent over fakes of its ports. It is three o'clock. Each piece of work of its board takes 20 seconds. */

const [secondMs, minuteMs, hourMs, dayMs] = [1_000, 60_000, 3_600_000, 86_400_000];
const nightly = { cron: "0 2 * * *", duration: "1h", splay: "0m" };
const four = "2026-01-02T04:00:00.000Z";

const request = {
  fwPackageUri: "https://images.example/board.img",
  fwPackageCheckValue: digest,
  fwVersion: "2.0.0",
  operationId: "op-1",
  startBy: "2026-01-02T05:00:00+01:00",
};
const document = {
  fwPackageURI: request.fwPackageUri,
  fwPackageCheckValue: digest,
  fwVersion: "2.0.0",
  operationId: "op-1",
  startBy: four,
};

async function setup(): Promise<{ hub: FakeHub; board: FakeBoard }> {
  await cronOpenings({ cron: nightly.cron, timezone: "UTC" }); // Loading the package takes time that is not the board's.
  const hub = new FakeHub();
  const board = new FakeBoard(hub, { settings: { "maintenance.windows": [nightly] } });
  await board.powerOn();
  return { hub, board };
}

const expired = (during: string): object => ({
  phase: "cancelled",
  startBy: four,
  error: { code: "lease-expired", during },
});

describe("an update that must begin by four o'clock", () => {
  it("begins where it can", async () => {
    const { hub, board } = await setup();
    expect((await hub.call("firmwareUpdate", request)).status).toBe(200);
    await board.time.advance(10 * secondMs);
    expect(hub.at("boardkeeper.update.startBy")).toBe(four);
    await board.time.advance(hourMs);
    expect(board.installs).toStrictEqual(["op-1"]);
    expect(hub.at("boardkeeper.update.phase")).toBe("completed");
  });

  it.each([
    { ...request, apply: "window" },
    { ...request, apply: "manual" },
  ])("is cancelled at four where it still waits ($apply), and everybody is told why", async (asked) => {
    const { hub, board } = await setup();
    await hub.call("firmwareUpdate", asked);
    await board.time.advance(hourMs - secondMs);
    expect(hub.at("boardkeeper.update.phase")).toBe("staged");
    await board.time.advance(secondMs);
    expect(hub.at("boardkeeper.update")).toMatchObject({ ...expired("staged"), endedAt: four });
    const why = expect.stringMatching(/^lease-expired: The update was to begin by 2026-01-02T04:00:00\.000Z/) as string;
    expect(hub.reported).toMatchObject({
      firmwareStatus: "standBy",
      firmwareError: why,
      iothubDM: { firmwareUpdate: { status: "waiting", error: { code: "lease-expired" } } },
      firmware: {
        fwUpdateStatus: "current",
        fwUpdateSubstatus: expect.stringContaining("cancelled: lease-expired") as string,
      },
    });
    expect((await board.ask("getStatus", null)).payload["update"]).toMatchObject(expired("staged"));
    expect(board.history).toMatchObject([{ outcome: "cancelled", error: { code: "lease-expired" } }]);
    expect((await hub.call("applyFirmwareUpdate", {})).status).toBe(404);
    await board.time.advance(2 * dayMs);
    expect(board.installs).toStrictEqual([]);
  });

  it("is cancelled at four while it is fetched, and another one may follow", async () => {
    const { hub, board } = await setup();
    await board.time.advance(hourMs - 30 * secondMs);
    await hub.call("firmwareUpdate", request);
    await board.time.advance(30 * secondMs);
    expect(hub.at("boardkeeper.update")).toMatchObject(expired("downloading"));
    await hub.call("firmwareUpdate", { ...request, operationId: "op-2", startBy: "2026-01-02T05:00:00Z" });
    await board.time.advance(hourMs);
    expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "completed", operationId: "op-2" });
    expect(hub.at("firmwareError")).toBeUndefined();
  });

  it("goes on to its end where it has begun before", async () => {
    const { hub, board } = await setup();
    await board.time.advance(hourMs - 50 * secondMs); // Fetched for 40 s, installed for 20.
    await hub.call("firmwareUpdate", request);
    await board.time.advance(49 * secondMs);
    expect(hub.at("boardkeeper.update.phase")).toBe("applying");
    await board.time.advance(20 * minuteMs);
    expect(hub.at("boardkeeper.update.phase")).toBe("completed");
  });

  it("goes on where the board was switched off after it had begun", async () => {
    const { hub, board } = await setup();
    await board.time.advance(hourMs - 50 * secondMs);
    await hub.call("firmwareUpdate", request);
    await board.time.advance(45 * secondMs);
    expect(hub.at("boardkeeper.update.phase")).toBe("applying");
    board.time.stepWall(dayMs);
    await board.restart();
    await board.time.advance(20 * minuteMs);
    expect(board.installs).toStrictEqual(["op-1"]);
    expect(hub.at("boardkeeper.update.phase")).toBe("completed");
  });

  it.each<[how: string, ask: (hub: FakeHub) => unknown]>([
    ["requested late, by a method", (hub) => hub.call("firmwareUpdate", request)],
    ["declared, and read late", (hub) => hub.setDesired({ firmware: document })],
  ])("is accepted and cancelled where it is %s", async (_how, ask) => {
    const { hub, board } = await setup();
    await board.time.advance(2 * hourMs);
    await ask(hub);
    await board.time.advance(minuteMs);
    expect(hub.at("boardkeeper.update")).toMatchObject({ ...expired("accepted"), operationId: "op-1" });
    expect(hub.at("boardkeeper.update.refused")).toBeUndefined();
    for (let restarts = 0; restarts < 2; restarts += 1) {
      await board.restart();
      await board.time.advance(hourMs);
    }
    expect(board.history.filter(({ kind }) => kind === "update")).toHaveLength(1);
    expect(board.installs).toStrictEqual([]);
  });
});

describe("a board that was off", () => {
  it("cancels a staged update whose time has passed meanwhile, and keeps to that", async () => {
    const { hub, board } = await setup();
    await hub.call("firmwareUpdate", { ...request, apply: "manual" });
    await board.time.advance(5 * minuteMs);
    expect(hub.at("boardkeeper.update.phase")).toBe("staged");
    board.time.stepWall(dayMs);
    await board.restart();
    await board.time.advance(secondMs);
    expect(hub.at("boardkeeper.update")).toMatchObject(expired("staged"));
    await board.restartAgent();
    await board.time.advance(dayMs);
    expect(board.installs).toStrictEqual([]);
    expect(hub.at("boardkeeper.update")).toMatchObject(expired("staged"));
  });

  it("judges it again after each restart, and once its clock is set", async () => {
    const { hub, board } = await setup();
    board.time.isSynchronized = false;
    await hub.call("firmwareUpdate", request);
    for (let restarts = 0; restarts < 3; restarts += 1) {
      await board.time.advance(10 * minuteMs);
      expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "staged", waitsFor: "clock" });
      await board.restart();
    }
    board.time.stepWall(dayMs);
    await board.time.advance(10 * minuteMs);
    expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "staged", waitsFor: "clock" });
    board.time.isSynchronized = true;
    await board.time.advance(minuteMs);
    expect(hub.at("boardkeeper.update")).toMatchObject(expired("staged"));
    expect(board.installs).toStrictEqual([]);
  });
});

describe("a board whose clock nothing has set", () => {
  it("fetches the image, waits and says so, and begins once the clock is set in time", async () => {
    const { hub, board } = await setup();
    board.time.isSynchronized = false;
    board.time.stepWall(-365 * dayMs);
    await hub.call("firmwareUpdate", request);
    await board.time.advance(5 * hourMs);
    expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "staged", startBy: four, waitsFor: "clock" });
    expect(hub.at("boardkeeper.agent.clockSynchronized")).toBe(false);
    expect(hub.at("firmware.fwUpdateSubstatus")).toBe("staged, waiting for the clock to be set");
    expect(hub.at("firmwareStatus")).toBe("downloading");
    expect((await board.ask("getStatus", null)).payload["update"]).toMatchObject({ waitsFor: "clock" });
    const waiting = board.work().find(({ name }) => name.includes("awaitApplyAllowed"));
    expect(waiting).toMatchObject({ stallLimitMs: null }); // No watchdog may take it for a fault.
    board.time.stepWall(Date.parse("2026-01-02T03:30:00.000Z") - board.time.now().getTime());
    board.time.isSynchronized = true;
    await board.time.advance(20 * minuteMs);
    expect(board.installs).toStrictEqual(["op-1"]);
    expect(hub.at("boardkeeper")).toMatchObject({ agent: { clockSynchronized: true }, update: { phase: "completed" } });
  });

  it("waits after approval too", async () => {
    const { hub, board } = await setup();
    board.time.isSynchronized = false;
    await hub.call("firmwareUpdate", { ...request, apply: "manual" });
    await board.time.advance(5 * minuteMs);
    expect(hub.at("boardkeeper.update.waitsFor")).toBe("order");
    expect((await hub.call("applyFirmwareUpdate", {})).status).toBe(200);
    await board.time.advance(5 * minuteMs);
    expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "staged", waitsFor: "clock" });
    expect((await hub.call("cancelFirmwareUpdate", {})).status).toBe(200);
    await board.time.advance(minuteMs);
    expect(hub.at("boardkeeper.update.phase")).toBe("cancelled");
    expect(hub.at("boardkeeper.update.error")).toBeUndefined();
  });

  it("does not wait where the update has no lease", async () => {
    const { hub, board } = await setup();
    board.time.isSynchronized = false;
    await hub.call("firmwareUpdate", { ...request, startBy: undefined });
    await board.time.advance(20 * minuteMs);
    expect(hub.at("boardkeeper.update.phase")).toBe("completed");
  });
});

describe("the last moment", () => {
  it("is judged when the update begins: the link may have held it up", async () => {
    const { hub, board } = await setup();
    await hub.call("firmwareUpdate", { ...request, apply: "manual" });
    await board.time.advance(30 * minuteMs);
    await hub.call("applyFirmwareUpdate", {});
    await board.time.advance(20 * minuteMs);
    expect(hub.at("boardkeeper.update.phase")).toBe("completed");

    const second = { ...request, operationId: "op-2", fwVersion: "3.0.0", startBy: "2026-01-02T05:00:00Z" };
    await hub.call("firmwareUpdate", { ...second, apply: "manual" });
    await board.time.advance(5 * minuteMs);
    hub.cut();
    const approved = board.ask("applyFirmwareUpdate", null); // From now on it waits for the link, some minutes at most.
    await board.time.advance(secondMs);
    expect((await approved).status).toBe(200);
    board.time.stepWall(dayMs);
    await board.time.advance(10 * minuteMs);
    expect(board.installs).toStrictEqual(["op-1"]);
    expect((await board.ask("getStatus", null)).payload["update"]).toMatchObject({ error: { code: "lease-expired" } });
  });

  it("is over where a window opens at that very time", async () => {
    const { hub, board } = await setup();
    await hub.call("firmwareUpdate", { ...request, apply: "window", startBy: "2026-01-03T02:00:00Z" });
    await board.time.advance(dayMs);
    expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "cancelled", error: { code: "lease-expired" } });
    expect(board.installs).toStrictEqual([]);
  });

  it("is over for a disk that refuses every save until then", async () => {
    const { hub, board } = await setup();
    await hub.call("firmwareUpdate", { ...request, apply: "manual" });
    await board.time.advance(5 * minuteMs);
    board.refusal = Object.assign(new Error("read-only file system"), { code: "EROFS" });
    await board.time.advance(2 * hourMs);
    expect(hub.at("boardkeeper.update.phase")).toBe("staged");
    expect(JSON.stringify(hub.at("boardkeeper.agent.problems"))).toContain("ends as cancelled (lease-expired)");
    board.refusal = undefined;
    await board.time.advance(20 * minuteMs);
    expect(hub.at("boardkeeper.update")).toMatchObject(expired("staged"));
    expect(board.installs).toStrictEqual([]);
  });
});

describe("a startBy that is no time", () => {
  it.each(["tomorrow", "2026-01-02T04:00:00", "2026-02-30T04:00:00Z", 1_767_326_400])(
    "is refused: %j",
    async (startBy) => {
      const { hub, board } = await setup();
      const answer = await hub.call("firmwareUpdate", { ...request, startBy });
      expect(answer).toMatchObject({ status: 400, payload: { error: { code: "bad-request" } } });
      expect(answer.payload.Response).toContain("startBy: expected a time with its zone such as");
      hub.setDesired({ firmware: { ...document, startBy } });
      await board.time.advance(minuteMs);
      expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "idle", refused: { code: "bad-request" } });
    },
  );
});

describe("what an agent understands", () => {
  it("is listed in its twin and in getStatus", async () => {
    const { hub, board } = await setup();
    expect(hub.at("boardkeeper.agent.features")).toContain("lease");
    expect((await board.ask("getStatus", null)).payload["agent"]).toMatchObject({
      features: hub.at("boardkeeper.agent.features"),
    });
  });
});
