import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { formatRows, statusRows } from "../../../agent/cli/format/format-status.ts";
import { createLog } from "../../../agent/lib/log.ts";
import type { LocalHub } from "../../../service-tools/local-hub/options.ts";
import { callRest } from "../../support/raw-https.ts";
import { testHub } from "../../support/local-hub.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { runCli } from "../../support/run-cli.ts";
import { ServiceApp } from "../../support/service-app.ts";
import { TestBoard, type TestBoardOptions } from "../../support/test-board.ts";

/* Why a hub has nothing to do with a board: said by the board itself (status, log) and by the CLI, over real sockets. */

interface Seen {
  readonly hub: LocalHub;
  readonly board: TestBoard;
  /** What the board's log says at warning level. */
  readonly warnings: () => string;
  /** `boardkeeper-agent status`. */
  readonly status: () => Promise<string>;
}

async function boardWithLog(
  options: TestBoardOptions = {},
  prepare: (hub: LocalHub) => void = () => undefined,
): Promise<Seen> {
  let lines = "";
  const log = createLog("warn", { write: (line) => void (lines += line) });
  const hub = await testHub({ folder: join(await temporaryFolder(), "hub") });
  prepare(hub);
  const board = await TestBoard.start(hub, { ...options, log });
  const status = async (): Promise<string> =>
    formatRows(statusRows({ running: true, ...(await board.ask("getStatus")).payload }));
  return { hub, board, warnings: () => lines, status };
}

async function connected({ hub }: Seen): Promise<ServiceApp> {
  const service = new ServiceApp(hub);
  await service.untilReported("boardkeeper.update.phase", "idle");
  return service;
}

describe("a device that is disabled in mid-connection", () => {
  it.each(["MQTT", "WebSockets"] as const)(
    "is refused over %s, and comes back when it is enabled",
    async (transport) => {
      const seen = await boardWithLog({ transport });
      const service = await connected(seen);
      await callRest(seen.hub, "PUT", "/devices/board-1", { status: "disabled" }, "*");
      await expect.poll(seen.status).toMatch(/Hub +not connected .*refuses this board's credentials.*device disabled/);
      expect(seen.warnings()).toContain("not connected to the hub");
      expect((await runCli(seen.hub, "device list")).out).toMatch(/board-1 .*disabled/);
      await callRest(seen.hub, "PUT", "/devices/board-1", { status: "enabled" }, "*");
      await seen.board.stopAgent();
      await seen.board.startAgent(); // Instead of the minute that it waits after a refusal.
      expect((await service.callMethod("getStatus")).status).toBe(200);
    },
  );

  it("is named by a hub that answers its reports so", async () => {
    const seen = await boardWithLog({}, (hub) => hub.faults.add("twin-refused", { status: "403012" }));
    await expect
      .poll(seen.status)
      .toMatch(/refuses this board's credentials.*Last: .*the device is disabled \(403, 403012\)/);
  });
});

describe.each([
  [
    "a suspended hub",
    "403001",
    /The hub is suspended \(403001\).*Azure portal/,
    "the hub is suspended",
    /is suspended \(403/,
  ],
  [
    "a hub that fails over",
    "404012",
    /does not answer as it should: it fails over to another region/,
    "fails over to another region",
    /fails over to another region \(404/,
  ],
] as const)("%s", (_what, status, said, reason, cli) => {
  it("is named while the board cannot read its twin, not as a first attempt", async () => {
    const seen = await boardWithLog({}, (hub) => hub.faults.add("twin-refused", { status }));
    await expect.poll(seen.status).toMatch(said);
    expect(await seen.status()).toMatch(new RegExp(`Last: .*${reason}.*Next attempt in`));
    expect(seen.warnings()).toContain(reason);
    expect(seen.board.attempts).toBe(1); // The connection stays.
  });

  it("is named by the log when it begins in mid-connection, and the report comes when it is over", async () => {
    const seen = await boardWithLog();
    const service = await connected(seen);
    const fault = seen.hub.faults.add("twin-refused", { status, operation: "report" }, { times: 1 });
    await seen.board.ask("rebootDevice", { delaySeconds: 3_600, operationId: "op-1" });
    await fault.waitForHits();
    await expect.poll(seen.warnings).toContain(reason);
    onTestFinished(() => fault.end());
    expect((await service.callMethod("getStatus")).payload).toMatchObject({ link: { up: true } });
  });

  it("is named by the CLI, with what to do", async () => {
    const seen = await boardWithLog();
    await connected(seen);
    seen.hub.faults.add("rest-refused", { status });
    const { exitCode, err } = await runCli(seen.hub, "reboot -d board-1");
    expect([exitCode, err]).toStrictEqual([7, expect.stringMatching(cli)]);
  });
});

describe("the CLI names what a hub refuses", () => {
  it.each([
    ["403010", "status -d board-1", 1, /does not have this in its tier.*\n.*Free or Standard/],
    ["403012", "status -d board-1", 1, /board-1 is disabled in .*\n.*Enable it/],
    ["403012", "reboot -d board-1", 1, /board-1 is disabled in .*\n.*Enable it/],
    ["403800", "reboot -d board-1", 7, /cannot do this now \(403, 403800.*\n.*Wait a moment/],
  ] as const)("%s to boardkeeper %s", async (status, line, exitCode, words) => {
    const hub = await testHub({ folder: join(await temporaryFolder(), "hub") });
    await hub.addDevice("board-1");
    hub.faults.add("rest-refused", { status });
    const { exitCode: ended, err } = await runCli(hub, line);
    expect([ended, err]).toStrictEqual([exitCode, expect.stringMatching(words)]);
  });
});

it("a tier without twins is named by the board", async () => {
  const seen = await boardWithLog({}, (hub) => hub.faults.add("twin-refused", { status: "403010" }));
  await expect.poll(seen.status).toMatch(/refuses what every board asks.*tier is Basic.*Last: .*403010/);
});
