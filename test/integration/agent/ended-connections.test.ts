import { expect, it, onTestFinished } from "vitest";
import { systemTimer } from "../../../agent/board/hardware/clocks.ts";
import { parseHubAddress } from "../../../agent/hub/address.ts";
import { connectToAzure } from "../../../agent/hub/azure-connection.ts";
import type { SendTelemetry } from "../../../agent/hub/connection.ts";
import { ConnectionManager, type ConnectionHandlers } from "../../../agent/hub/connection-manager.ts";
import { Alerts } from "../../../agent/lib/alerts.ts";
import { MetricsMonitor } from "../../../agent/telemetry/monitor.ts";
import { QuotaCounter } from "../../../agent/hub/quota-counter.ts";
import type { LocalHub } from "../../../service-tools/local-hub/options.ts";
import { fakeRuntime } from "../../support/fake-runtime.ts";
import { FakeTime, settle } from "../../support/fake-time.ts";
import { testHub } from "../../support/local-hub.ts";
import { quiet } from "../../support/logs.ts";
import { goodMetrics } from "../../support/metrics.ts";
import { ManualClock } from "../../support/manual-clock.ts";

/* What a hub ends connections for, as the board tells it; and how long the board waits for a hub that is slow. */

const haste = 1_000;

interface Link {
  readonly manager: ConnectionManager;
  readonly diagnoses: unknown[];
}

/** A board's connection to a hub, kept for ever by a manager whose waits are short. */
async function link(hub: LocalHub, whenUp: (send: SendTelemetry) => void = () => undefined): Promise<Link> {
  const address = parseHubAddress(await hub.addDevice("board-1"), { webSocket: false });
  if (!address.ok) throw new Error(address.problems.join());
  const diagnoses: unknown[] = [];
  const log = { ...quiet, warn: ({ diagnosis }: Record<string, unknown>) => void diagnoses.push(diagnosis) };
  const manager = new ConnectionManager({
    connect: (signal) =>
      connectToAzure({ address: address.value, ca: hub.ca, productInfo: "test", timer: systemTimer, log }, signal),
    ...fakeRuntime({
      timer: { after: (delayMs, signal) => systemTimer.after(delayMs / haste, signal) },
      bootClock: { nowMs: () => Math.round(performance.now()) },
      log,
    }),
    quota: new QuotaCounter(),
  });
  const handlers: ConnectionHandlers = {
    onMethod: () => Promise.resolve({ status: 200, payload: { Response: "" } }),
    onMethodAnswered: () => undefined,
    onDesired: () => undefined,
    onReportedRead: () => undefined,
    onConnected: (_reported, _report, send) => whenUp(send),
    onDisconnected: () => undefined,
  };
  manager.start(handlers);
  onTestFinished(() => manager.stop());
  return { manager, diagnoses };
}

it("a hub without twins is told from a rival, over and over", async () => {
  const hub = await testHub();
  hub.faults.add("no-twins", {});
  const { manager, diagnoses } = await link(hub);
  await expect.poll(() => diagnoses).toContain("twin-work-ends-connection");
  expect(diagnoses).not.toContain("duplicate-identity");
  expect(manager.diagnosis).toContain("Basic");
});

it("a quota that closes connections when the twin is read is no rival either", async () => {
  const hub = await testHub();
  hub.faults.add("quota-exhausted", { twins: "close" });
  const { diagnoses } = await link(hub);
  await expect.poll(() => diagnoses).toContain("twin-work-ends-connection");
  expect(diagnoses).not.toContain("duplicate-identity");
});

it("a throttle that closes connections for their messages is named, and the board stays connected without them", async () => {
  const hub = await testHub();
  const alerts = new Alerts([]);
  const monitor = new MetricsMonitor({
    ...fakeRuntime(),
    read: () => Promise.resolve(goodMetrics),
    intervals: () => ({ intervalMs: 3_600_000, minIntervalMs: 900_000 }),
    facts: () => ({ bootId: "boot-1", firmwareVersion: "1.0.0" }),
    alerts,
  });
  monitor.start();
  onTestFinished(() => monitor.stop());
  const seen = { connections: 0, messages: 0 };
  const { manager, diagnoses } = await link(hub, (send) => {
    seen.connections += 1;
    hub.faults.add("throttled", {}, { times: 1 });
    monitor.connected((message) => {
      seen.messages += 1;
      return send(message);
    });
  });
  await expect.poll(() => alerts.messages.join()).toContain("The connection was lost over a health message");
  await expect.poll(() => [seen.connections, manager.isConnected]).toStrictEqual([2, true]);
  await settle();
  expect(seen).toStrictEqual({ connections: 2, messages: 1 });
  expect(diagnoses).toStrictEqual(["offline"]);
});

it("somebody with the same identity is named where the board asked for nothing", async () => {
  const hub = await testHub();
  const { diagnoses } = await link(hub, () => {
    setImmediate(() => hub.faults.add("kick", {}));
  });
  await expect.poll(() => diagnoses).toContain("duplicate-identity");
});

it("a twin that a throttle delays by half a minute is waited for", async () => {
  const clock = new ManualClock();
  const hub = await testHub({ clock });
  const time = new FakeTime();
  const address = parseHubAddress(await hub.addDevice("board-1"), { webSocket: false });
  if (!address.ok) throw new Error(address.problems.join());
  const { signal } = new AbortController();
  const options = { address: address.value, ca: hub.ca, productInfo: "test", timer: time, log: quiet };
  const connection = await connectToAzure(options, signal);
  onTestFinished(() => connection.close());
  await connection.subscribe({
    onMethod: () => Promise.resolve({ status: 200, payload: { Response: "" } }),
    onMethodAnswered: () => undefined,
    onDesiredChange: () => undefined,
  });
  const fault = hub.faults.add("twin-answer-delayed", { delayMs: 30_000 });
  const twin = connection.readTwin();
  await fault.waitForHits();
  await time.advance(30_000);
  clock.advance(30_000);
  await settle();
  expect(await twin).toMatchObject({ desired: {}, desiredVersion: 1 });
});
