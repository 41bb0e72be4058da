import { join } from "node:path";
import { expect, it } from "vitest";
import { checkRunningAgent } from "../../../agent/cli/doctor/running-agent.ts";
import { formatRows, statusRows } from "../../../agent/cli/format/format-status.ts";
import { isJsonObject, type JsonObject } from "../../../agent/contract/json.ts";
import { systemTimer } from "../../../service-tools/cli/timer.ts";
import type { LocalHub } from "../../../service-tools/local-hub/options.ts";
import { openBare } from "../../support/bare-sdk.ts";
import { describeFinding } from "../../support/findings.ts";
import { testHub } from "../../support/local-hub.ts";
import { runCli, startCli } from "../../support/run-cli.ts";
import { ServiceApp } from "../../support/service-app.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { TestBoard } from "../../support/test-board.ts";

/* A twin that other software of the device has filled, over the real SDKs and the local hub, from both sides. */

const limitBytes = 32 * 1024;

/** A hub whose device board-1 has a twin with only so much room left. */
async function filledHub(roomBytes: number): Promise<LocalHub> {
  const hub = await testHub({ folder: join(await temporaryFolder(), "hub") });
  await hub.addDevice("board-1");
  const { client } = await openBare(hub, "board-1");
  const twin = await client.getTwin();
  // No text may be longer than 4 KB. The hub counts keys and values.
  const texts: Record<string, string> = {};
  for (let leftBytes = limitBytes - roomBytes, at = 10; leftBytes > 0; at += 1) {
    const key = `their${at}`;
    texts[key] = "x".repeat(Math.min(4_000, Math.max(0, leftBytes - key.length)));
    leftBytes -= key.length + texts[key].length;
  }
  await new Promise<void>((resolve, reject) => {
    // The SDK says null where nothing is wrong.
    const done = (cause?: Error | null): void => (cause ? reject(cause) : resolve());
    twin.properties.reported["update"](texts, done);
  });
  await client.close();
  return hub;
}

/** The board's own answer, once it has come so far: its first reports may be under way. */
async function agentStatus(service: ServiceApp, reporting: "complete" | "reduced" | "refused"): Promise<JsonObject> {
  for (;;) {
    const { payload } = await service.callMethod("getStatus");
    if (isJsonObject(payload) && JSON.stringify(reportingOf(payload)).includes(`"state":"${reporting}"`))
      return payload;
  }
}

function reportingOf(status: JsonObject): unknown {
  return isJsonObject(status["link"]) ? status["link"]["reporting"] : undefined;
}

const onDisk = {
  stateDir: "/state",
  version: "0.0.0-test",
  connectionString: null,
  connectionStringSource: undefined,
  credentialWatch: null,
  settingsFile: "",
  settings: "",
  hasMistakes: false,
  acceptedByHub: null,
};

it("no room at all: every place says so, and the end of an update is told all the same", async () => {
  const hub = await filledHub(50);
  await TestBoard.start(hub, { isRegistered: true });
  const service = new ServiceApp(hub);
  const full = /The twin is full: other software has filled/;
  const status = await agentStatus(service, "refused");
  expect(reportingOf(status)).toMatchObject({ reason: expect.stringContaining("403100") as string });
  expect(formatRows(statusRows({ running: true, ...status }))).toMatch(new RegExp(`^Twin +${full.source}`, "m"));
  const findings = checkRunningAgent(status, onDisk).map(describeFinding);
  expect(findings).toContainEqual(expect.stringMatching(new RegExp(`^fault: ${full.source}`)));

  // A thousand times as fast: a minute in which the twin does not change is over in 60 ms.
  const timer = { ...systemTimer, nowMs: () => systemTimer.nowMs() * 1_000 };
  const update = startCli(hub, "update -d board-1 --rehearse --wait --timeout 24h", {}, timer);
  expect(await update.exitCode).toBe(0);
  expect(await service.reported("boardkeeper")).toBeUndefined();
  const shown = await runCli(hub, "status -d board-1");
  expect(shown).toMatchObject({ exitCode: 0, out: expect.stringMatching(/^Update +completed a rehearsal/m) as string });
  expect(shown.out).toMatch(new RegExp(`^Twin +${full.source}`, "m"));
  const watch = startCli(hub, "watch -d board-1", {}, timer);
  await expect.poll(() => watch.out.text).toMatch(new RegExp(`^Twin +${full.source}`, "m"));
  watch.ctrlC();
  expect(await watch.exitCode).toBe(0);
});

it("room for what pollers wait for: the twin follows an update, and every place says what is left out", async () => {
  const hub = await filledHub(1_000);
  await TestBoard.start(hub, { isRegistered: true });
  const service = new ServiceApp(hub);
  expect((await runCli(hub, "update -d board-1 --rehearse --wait")).exitCode).toBe(0);
  expect(await service.reported("boardkeeper.update.phase")).toBe("completed");
  const status = await agentStatus(service, "reduced");
  expect(reportingOf(status)).toMatchObject({ leftOut: ["details", "times"] });
  expect(checkRunningAgent(status, onDisk).map(describeFinding)).toContainEqual(
    expect.stringMatching(/^warning: The twin is full: .*leaves out details, times/),
  );
  const { out } = await runCli(hub, "status -d board-1 -o json");
  expect(JSON.parse(out)).toMatchObject({
    reporting: expect.stringMatching(/leaves out details, times/) as string,
    boardkeeper: { update: { phase: "completed" } },
  });
});

it("room enough: nobody says anything of the twin", async () => {
  const hub = await filledHub(16_000);
  await TestBoard.start(hub, { isRegistered: true });
  const service = new ServiceApp(hub);
  await service.untilReported("boardkeeper.agent.bootId", (id) => id !== undefined);
  const status = await agentStatus(service, "complete");
  expect(reportingOf(status)).toEqual({ state: "complete" });
  expect(formatRows(statusRows({ running: true, ...status }))).not.toMatch(/^Twin/m);
  const { out } = await runCli(hub, "status -d board-1");
  expect(out).not.toMatch(/^Twin/m);
});
