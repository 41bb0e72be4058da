import { beforeAll, describe, expect, it } from "vitest";
import { validateWindows } from "../../../agent/maintenance/cron.ts";
import { AgentError } from "../../../agent/lib/errors.ts";
import { formatRows, statusRows } from "../../../agent/cli/format/format-status.ts";
import { parseBoardView } from "../../../service-tools/boards/board-view.ts";
import { formatStatus } from "../../../service-tools/boards/format-status.ts";
import { FakeBoard, type FakeBoardOptions } from "../../support/fake-board.ts";
import { FakeHub } from "../../support/fake-hub.ts";
import { digest } from "../../support/updates.ts";

/* Whoever waits for a board is told why nothing happens, within seconds, in the twin and by both programs. */

const secondMs = 1_000;
const minuteMs = 60_000;
const windows = [{ cron: "0 12 * * *", duration: "2h", timezone: "UTC", splay: "0m" }];
const update = {
  fwPackageUri: "https://images.example/board.img",
  fwPackageCheckValue: digest,
  fwVersion: "2.0.0",
  operationId: "op-1",
};

async function boardAndHub(options?: FakeBoardOptions): Promise<{ board: FakeBoard; hub: FakeHub }> {
  const hub = new FakeHub();
  const board = new FakeBoard(hub, options);
  await board.powerOn();
  return { board, hub };
}

async function until(board: FakeBoard, phase: string): Promise<void> {
  for (let passedMs = 0; passedMs < 60 * minuteMs && board.saved?.update.phase !== phase; passedMs += secondMs)
    await board.time.advance(secondMs);
  expect(board.saved?.update.phase).toBe(phase);
}

/** What everybody reads, one below the other. */
async function everywhere(board: FakeBoard, hub: FakeHub): Promise<Record<string, unknown>> {
  const { payload } = await board.ask("getStatus", null);
  const properties = { desired: { $version: 1 }, reported: hub.reported };
  const view = parseBoardView({ deviceId: "board-1", connectionState: "Connected", properties });
  const cli = formatStatus({ deviceId: "board-1" }, view);
  return {
    twin: hub.at("boardkeeper.update.delay"),
    reboot: hub.at("boardkeeper.reboot.delay"),
    tutorial: hub.at("firmware.fwUpdateSubstatus"),
    status: formatRows(statusRows({ running: true, ...payload })),
    cli: `${cli["Update"]}\n${cli["Reboot"]}`,
  };
}

describe("a step that is tried again", () => {
  it("an installer that does not say which version runs delays a staged update", async () => {
    const { board, hub } = await boardAndHub();
    board.versionFailure = new AgentError("version-unknown", "The installer's running-version command failed.");
    await board.ask("firmwareUpdate", update);
    await until(board, "staged");
    await board.time.advance(10 * secondMs);
    const reason = "The installer's running-version command failed.";
    expect(await everywhere(board, hub)).toMatchObject({
      twin: { code: "version-unknown", message: expect.stringContaining(reason) as string },
      tutorial: expect.stringContaining(`staged, waiting to go on: version-unknown: ${reason}`) as string,
      status: expect.stringContaining(`waiting for the next attempt: ${reason}`) as string,
      cli: expect.stringContaining(`2.0.0 is staged (op-1), waiting for the next attempt: ${reason}`) as string,
    });
    board.versionFailure = undefined;
    await until(board, "completed");
    expect(hub.at("boardkeeper.update.delay") ?? null).toBeNull();
  });

  it("so does one that cannot tell it delays the proof of a new system", async () => {
    const { board, hub } = await boardAndHub();
    await board.ask("firmwareUpdate", update);
    await until(board, "rebooting");
    board.isVersionUnknown = true;
    await until(board, "proving");
    await board.time.advance(10 * secondMs);
    const reason = "The installer cannot tell which version runs";
    expect(await everywhere(board, hub)).toMatchObject({
      twin: { code: "not-proven", message: expect.stringContaining(reason) as string },
      status: expect.stringContaining(`waiting for the next attempt: ${reason}`) as string,
      cli: expect.stringContaining(`proving 2.0.0, waiting for the next attempt: ${reason}`) as string,
    });
  });

  it("so does a service that is not reverted", async () => {
    const { board, hub } = await boardAndHub({ restart: "service" });
    board.revertFailure = new AgentError("installer-failed", "The old slot could not be chosen.");
    await board.ask("firmwareUpdate", update);
    await until(board, "proving");
    hub.cut();
    await until(board, "reverting");
    hub.isReachable = true;
    await board.time.advance(minuteMs);
    expect(board.saved?.update.phase).toBe("reverting");
    expect(hub.at("boardkeeper.update.delay.code")).toBe("installer-failed");
    expect(hub.at("firmware.fwUpdateSubstatus")).toContain("waiting to go on: installer-failed: The old slot");
  });

  it("the same reason is told once, not at each attempt", async () => {
    const { board, hub } = await boardAndHub();
    board.versionFailure = new AgentError("version-unknown", "The installer's running-version command failed.");
    await board.ask("firmwareUpdate", update);
    await until(board, "staged");
    await board.time.advance(10 * secondMs);
    const reports = hub.history.length;
    await board.time.advance(20 * secondMs);
    expect(hub.history.length).toBe(reports);
  });
});

describe("a window that never opens", () => {
  // The package for cron expressions is loaded once, in real time.
  beforeAll(() => validateWindows([{ cron: "0 12 * * *", durationMs: minuteMs, timezone: "UTC", splayMs: 0 }], 0));

  const set = (to: unknown) => ({ boardkeeper: { maintenance: { windows: to as never } } });

  it("an update whose windows are taken away says so, and how to go on", async () => {
    const { board, hub } = await boardAndHub();
    hub.setDesired(set(windows));
    await board.time.advance(secondMs);
    await board.ask("firmwareUpdate", { ...update, apply: "window" });
    await until(board, "staged");
    await board.time.advance(secondMs);
    expect(hub.at("boardkeeper.update")).toMatchObject({ waitsFor: "window", waitsUntil: "2026-01-02T12:00:00.000Z" });
    hub.setDesired(set([]));
    await board.time.advance(2 * minuteMs);
    const reason = "No maintenance window is configured on this board any more";
    expect(await everywhere(board, hub)).toMatchObject({
      twin: {
        code: "window-missing",
        message: expect.stringMatching(`${reason}.*maintenance.windows.*applyFirmwareUpdate`) as string,
      },
      tutorial: expect.stringContaining(reason) as string,
      status: expect.stringContaining(reason) as string,
      cli: expect.stringMatching(`${reason}.* Run: boardkeeper apply -d board-1`) as string,
    });
    hub.setDesired(set(windows));
    await board.time.advance(2 * minuteMs);
    expect(hub.at("boardkeeper.update.delay") ?? null).toBeNull();
  });

  it("so does one whose windows do not open again", async () => {
    const never = [{ cron: "0 12 30 2 *", duration: "2h", timezone: "UTC" }];
    const { board, hub } = await boardAndHub({ settings: { "maintenance.windows": never } });
    await board.ask("firmwareUpdate", { ...update, apply: "window" });
    await until(board, "staged");
    await board.time.advance(secondMs);
    expect(hub.at("boardkeeper.update.delay.message")).toContain("None of the board's maintenance windows opens again");
  });

  it("so does a reboot, and it goes when the windows are back", async () => {
    const { board, hub } = await boardAndHub();
    hub.setDesired(set(windows));
    await board.time.advance(secondMs);
    await board.ask("rebootDevice", { window: true, operationId: "op-1" });
    hub.setDesired(set([]));
    await board.time.advance(2 * minuteMs);
    const reason = "No maintenance window is configured on this board any more";
    expect(await everywhere(board, hub)).toMatchObject({
      reboot: { code: "window-missing", message: expect.stringMatching(`${reason}.*cancel this reboot`) as string },
      status: expect.stringContaining(reason) as string,
      cli: expect.stringContaining(reason) as string,
    });
    hub.setDesired(set(windows));
    await board.time.advance(2 * minuteMs);
    expect(hub.at("boardkeeper.reboot")).toMatchObject({
      phase: "scheduled",
      scheduledFor: "2026-01-02T12:00:00.000Z",
    });
    expect(hub.at("boardkeeper.reboot.delay") ?? null).toBeNull();
  });
});
