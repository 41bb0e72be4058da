import { describe, expect, it, onTestFinished } from "vitest";
import { alertsForTwin } from "../../../../agent/contract/alerts-for-twin.ts";
import type { TelemetryMessage } from "../../../../agent/hub/connection.ts";
import { ConnectionError } from "../../../../agent/hub/connection-error.ts";
import { Alerts } from "../../../../agent/lib/alerts.ts";
import { MetricsMonitor } from "../../../../agent/telemetry/monitor.ts";
import { FakeBoard } from "../../../support/fake-board.ts";
import { FakeHub } from "../../../support/fake-hub.ts";
import { FakeTime, settle } from "../../../support/fake-time.ts";
import { quiet } from "../../../support/logs.ts";
import { goodMetrics as good } from "../../../support/metrics.ts";
import { fakeRuntime } from "../../../support/fake-runtime.ts";

const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 86_400_000];

class Setup {
  readonly time = new FakeTime();
  readonly sent: TelemetryMessage[] = [];
  readonly alerts = new Alerts([]);
  readonly warnings: unknown[] = [];
  metrics = good;
  reads = 0;
  trouble: Error | undefined;
  terms = { intervalMs: 6 * hourMs, minIntervalMs: 15 * minuteMs };
  readonly monitor = new MetricsMonitor({
    read: () => {
      this.reads += 1;
      return Promise.resolve(this.metrics);
    },
    ...fakeRuntime({ time: this.time, log: { ...quiet, warn: (line: unknown) => void this.warnings.push(line) } }),
    alerts: this.alerts,
    intervals: () => this.terms,
    facts: () => ({ bootId: "boot-1", firmwareVersion: "1.0.0" }),
  });

  constructor() {
    this.monitor.start();
    onTestFinished(() => this.monitor.stop());
  }

  async connect(): Promise<void> {
    this.monitor.connected((message) => {
      if (this.trouble !== undefined) return Promise.reject(this.trouble);
      this.sent.push(message);
      return Promise.resolve();
    });
    await settle();
  }

  get reasons(): unknown[] {
    return this.sent.map(({ body }) => body["reason"]);
  }
}

describe("the reports of a board's health", () => {
  it("begin when the hub is there, with all figures and what to route by", async () => {
    const setup = new Setup();
    await setup.time.advance(hourMs);
    expect(setup.reads).toBe(0);
    await setup.connect();
    expect(setup.sent).toStrictEqual([
      {
        body: {
          kind: "health",
          reason: "start",
          at: "2026-01-02T04:00:00.000Z",
          clockSynchronized: true,
          bootId: "boot-1",
          firmwareVersion: "1.0.0",
          alerts: [],
          ...good,
        },
        properties: { kind: "health" },
      },
    ]);
  });

  it("are five on the first day in which nothing changes, and four on each after that", async () => {
    const setup = new Setup();
    await setup.connect();
    await setup.time.advance(14 * minuteMs);
    expect(setup.reads).toBe(1); // Whatever it were, it would be too early to report it.
    await setup.time.advance(dayMs - 14 * minuteMs - 1);
    expect(setup.sent.length).toBe(4);
    await setup.time.advance(dayMs);
    expect(setup.sent.length).toBe(8);
    expect(new Set(setup.reasons.slice(1))).toStrictEqual(new Set(["interval"]));
  });

  it("come soon when something is wrong, and say so where hubs look", async () => {
    const setup = new Setup();
    await setup.connect();
    await setup.time.advance(hourMs);
    setup.metrics = { ...good, cpuCelsius: 85 };
    await setup.time.advance(5 * minuteMs);
    expect(setup.sent.at(-1)).toMatchObject({
      body: { reason: "change", alerts: ["hot"], cpuCelsius: 85 },
      properties: { kind: "health", alert: "true" },
    });
  });

  it("are bounded where a figure goes to and fro all day", async () => {
    const setup = new Setup();
    await setup.connect();
    for (let minute = 0; minute < 24 * 60; minute += 5) {
      setup.metrics = { ...good, cpuCelsius: minute % 10 === 0 ? 85 : 40 };
      await setup.time.advance(5 * minuteMs);
    }
    expect(setup.sent.length).toBeGreaterThan(50);
    expect(setup.sent.length).toBeLessThanOrEqual(97);
  });

  it("are not kept for a hub that is away: it hears how the board is when it is back", async () => {
    const setup = new Setup();
    await setup.connect();
    setup.monitor.disconnected();
    setup.metrics = { ...good, cpuCelsius: 85 };
    await setup.time.advance(30 * dayMs);
    const { reads } = setup;
    expect([setup.sent.length, reads, setup.time.sleepers]).toStrictEqual([1, 1, 0]);
    setup.metrics = good;
    await setup.connect();
    expect(setup.reasons).toStrictEqual(["start", "interval"]);
  });

  it("are tried again where the hub did not take one", async () => {
    const setup = new Setup();
    setup.trouble = new ConnectionError("throttled", "429");
    await setup.connect();
    expect(setup.sent).toStrictEqual([]);
    setup.trouble = undefined;
    await setup.time.advance(5 * minuteMs);
    expect(setup.reasons).toStrictEqual(["start"]);
  });

  it("are held back for hours after one has cost the connection, and then tried again", async () => {
    const setup = new Setup();
    setup.trouble = new ConnectionError("lost", "The connection to the hub was lost.");
    await setup.connect();
    setup.trouble = undefined;
    for (let time = 0; time < 5; time += 1) {
      setup.monitor.disconnected();
      await setup.time.advance(hourMs);
      await setup.connect();
    }
    expect(setup.sent).toStrictEqual([]);
    await setup.time.advance(hourMs + 5 * minuteMs);
    expect(setup.reasons).toStrictEqual(["start"]);
  });

  it("are an alert with their cause while they are held back, in the twin and the log", async () => {
    const setup = new Setup();
    setup.trouble = new ConnectionError("lost", "The connection to the hub was lost.");
    await setup.connect();
    const [alert = ""] = setup.alerts.messages;
    expect(alert).toMatch(/^The connection was lost over a health message: .*quota.*throttles.*network.*6 hours/);
    expect(alertsForTwin(setup.alerts.messages)).toStrictEqual([alert]); // Not cut.
    expect(setup.warnings).toContainEqual({ forMs: 6 * hourMs, reason: alert });
    await setup.time.advance(6 * hourMs + 5 * minuteMs); // Tried again, and lost again.
    expect(setup.alerts.messages).toStrictEqual([alert]);
    setup.trouble = undefined;
    await setup.time.advance(6 * hourMs + 5 * minuteMs);
    expect([setup.reasons, setup.alerts.messages]).toStrictEqual([["start"], []]);
  });

  it("are no alert where the hub refused one for another reason", async () => {
    const setup = new Setup();
    setup.trouble = new ConnectionError("silent", "message: no answer within 50 s");
    await setup.connect();
    expect(setup.alerts.messages).toStrictEqual([]);
  });

  it("that are switched off are held back no more, and come when they are switched on", async () => {
    const setup = new Setup();
    setup.trouble = new ConnectionError("lost", "The connection to the hub was lost.");
    await setup.connect();
    setup.trouble = undefined;
    setup.terms = { ...setup.terms, intervalMs: 0 };
    setup.monitor.settingsChanged();
    await settle();
    expect(setup.alerts.messages).toStrictEqual([]);
    setup.terms = { ...setup.terms, intervalMs: 6 * hourMs };
    setup.monitor.settingsChanged();
    await settle();
    expect(setup.reasons).toStrictEqual(["start"]);
  });

  it("stop where they are switched off, with nobody waking up for them, and begin again", async () => {
    const setup = new Setup();
    await setup.connect();
    setup.terms = { ...setup.terms, intervalMs: 0 };
    setup.monitor.settingsChanged();
    await setup.time.advance(dayMs);
    expect([setup.sent.length, setup.time.sleepers]).toStrictEqual([1, 0]);
    setup.terms = { ...setup.terms, intervalMs: hourMs };
    setup.monitor.settingsChanged();
    await settle();
    expect(setup.reasons).toStrictEqual(["start", "interval"]);
  });
});

it("a whole board sends them, as the hub has configured", async () => {
  const hub = new FakeHub();
  const board = new FakeBoard(hub);
  await board.powerOn();
  await board.time.advance(dayMs);
  expect(hub.messages.length).toBe(5);
  hub.setDesired({ boardkeeper: { health: { "every-seconds": 0 } } });
  await board.time.advance(dayMs);
  expect(hub.messages.length).toBe(5);
  hub.setDesired({ boardkeeper: { health: { "every-seconds": 3600 } } });
  await board.time.advance(dayMs + 300_000);
  expect(hub.messages.length).toBe(5 + 25);
});
