import { describe, expect, it } from "vitest";
import type { Json } from "../../../agent/contract/json.ts";
import { cronOpenings } from "../../../agent/maintenance/cron.ts";
import { FakeBoard } from "../../support/fake-board.ts";
import { FakeHub } from "../../support/fake-hub.ts";
import { settle } from "../../support/fake-time.ts";
import { digest } from "../../support/updates.ts";

/* A whole agent over fakes of its ports, configured over the hub. It is Friday, three o'clock at night. */

const windows = [{ cron: "0 2 * * *", duration: "1h", splay: "0m" }];
const minuteMs = 60_000;

async function setup(settings: Record<string, unknown> = {}): Promise<{ hub: FakeHub; board: FakeBoard }> {
  await cronOpenings({ cron: "0 2 * * *", timezone: "UTC" }); // Loading the package takes time that is not the board's.
  const hub = new FakeHub();
  const board = new FakeBoard(hub, { settings });
  await board.powerOn();
  return { hub, board };
}

async function configure({ hub, board }: { hub: FakeHub; board: FakeBoard }, boardkeeper: Json): Promise<void> {
  hub.setDesired({ boardkeeper });
  await board.time.advance(1_000);
}

describe("configuration over the hub", () => {
  it("is applied, and answered with the version of the document", async () => {
    const { hub, board } = await setup();
    expect(board.logLevel).toBe("info");
    await configure({ hub, board }, { agent: { "log-level": "debug" } });
    expect(board.logLevel).toBe("debug");
    expect(hub.at("boardkeeper.config")).toStrictEqual({ version: hub.desiredVersion, status: "applied" });
  });

  it("is refused as a whole, and what was applied before stays in force", async () => {
    const { hub, board } = await setup();
    await configure({ hub, board }, { agent: { "log-level": "debug" } });
    await configure(
      { hub, board },
      {
        agent: { "log-level": "error" },
        maintenance: { windows: [{ cron: "0 25 * * *", duration: "1h" }] },
      },
    );
    expect(board.logLevel).toBe("debug");
    expect(hub.at("boardkeeper.config")).toMatchObject({
      version: hub.desiredVersion,
      status: "refused",
      error: { code: "bad-request", message: expect.stringContaining("0.cron") },
    });
  });

  it("outlives restarts of agent and board, without the hub too", async () => {
    const { hub, board } = await setup();
    await configure({ hub, board }, { agent: { "log-level": "debug" } });
    hub.cut();
    await board.restartAgent();
    expect(board.logLevel).toBe("debug");
    board.logLevel = "";
    await board.restart();
    expect(board.logLevel).toBe("debug");
  });

  it("gives way to the board's own when it is taken away, and while the board was offline too", async () => {
    const { hub, board } = await setup({ "agent.log-level": "warn" });
    await configure({ hub, board }, { agent: { "log-level": "debug" } });
    await configure({ hub, board }, null);
    expect(board.logLevel).toBe("warn");
    expect(hub.at("boardkeeper.config")).toBeUndefined();

    await configure({ hub, board }, { agent: { "log-level": "debug" } });
    hub.cut();
    hub.desired = {};
    hub.desiredVersion += 1;
    hub.isReachable = true;
    await board.time.advance(10 * minuteMs);
    expect(board.logLevel).toBe("warn");
  });

  it("is the document that replaces another one alone: what that had set is in force no more", async () => {
    const { hub, board } = await setup({ "agent.log-level": "warn" });
    await configure({ hub, board }, { agent: { "log-level": "debug" } });
    hub.replaceDesired({ boardkeeper: { health: { "every-seconds": 3_600 } } });
    await board.time.advance(1_000);
    expect(board.logLevel).toBe("warn");
    expect(hub.at("boardkeeper.config")).toStrictEqual({ version: hub.desiredVersion, status: "applied" });
  });

  it("gives a board its windows, in time for an update that is declared beside them", async () => {
    const { hub, board } = await setup();
    const firmware = {
      fwVersion: "2.0.0",
      fwPackageURI: "https://images.example/board.img",
      fwPackageCheckValue: digest,
      apply: "window",
    };
    hub.setDesired({ boardkeeper: { maintenance: { windows } }, firmware });
    await board.time.advance(5 * minuteMs);
    expect(hub.at("boardkeeper.update")).toMatchObject({ phase: "staged", waitsUntil: "2026-01-03T02:00:00.000Z" });

    await configure(
      { hub, board },
      { maintenance: { windows: [{ cron: "30 3 * * *", duration: "1h", splay: "0m" }] } },
    );
    await board.time.advance(2 * minuteMs);
    expect(hub.at("boardkeeper.update.waitsUntil")).toBe("2026-01-02T03:30:00.000Z");
    await board.time.advance(60 * minuteMs);
    expect(hub.at("boardkeeper.update.phase")).toBe("completed");
  });

  it("handles only the newest of two documents that come at once", async () => {
    const { hub, board } = await setup();
    hub.setDesired({ boardkeeper: { maintenance: { windows }, agent: { "log-level": "debug" } } });
    hub.setDesired({ boardkeeper: { maintenance: null, agent: { "log-level": "error" } } });
    await board.time.advance(minuteMs);
    expect([board.logLevel, hub.at("boardkeeper.config.version")]).toStrictEqual(["error", hub.desiredVersion]);
  });

  it("is read by an agent that is still starting when it comes, as soon as it has", async () => {
    const { hub, board } = await setup();
    let go: () => void = () => undefined;
    board.startHold = new Promise((resolve) => (go = resolve));
    await board.restartAgent();
    await configure({ hub, board }, { agent: { "log-level": "debug" } });
    expect(board.logLevel).toBe("info");
    go();
    await settle();
    expect(board.logLevel).toBe("debug");
  });

  it("says so when a release does not read what another one has applied", async () => {
    const { hub, board } = await setup({ "agent.log-level": "warn" });
    await configure({ hub, board }, { agent: { "log-level": "debug" } });
    hub.cut();
    const { saved } = board;
    if (saved?.remote === undefined) throw new Error("nothing was saved");
    board.saved = { ...saved, remote: { ...saved.remote, applied: { agent: { "log-level": "chatty" } } } };
    hub.isReachable = true;
    hub.desired = {};
    await board.restartAgent();
    expect(board.logLevel).toBe("warn");
    expect(hub.history.map((one) => JSON.stringify(one)).join("\n")).toContain(
      "The configuration from the hub is not in force",
    );
  });
});
