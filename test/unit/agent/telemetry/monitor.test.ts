import { describe, expect, it, onTestFinished } from "vitest";
import type { TelemetryMessage } from "../../../../agent/hub/connection.ts";
import { ConnectionError } from "../../../../agent/hub/connection-error.ts";
import { MetricsMonitor } from "../../../../agent/telemetry/monitor.ts";
import { FakeBoard } from "../../../support/fake-board.ts";
import { FakeHub } from "../../../support/fake-hub.ts";
import { FakeTime, settle } from "../../../support/fake-time.ts";
import { goodVitals as good } from "../../../support/vitals.ts";
import { fakeRuntime } from "../../../support/fake-runtime.ts";

const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 86_400_000];

class Scene {
  readonly time = new FakeTime();
  readonly sent: TelemetryMessage[] = [];
  vitals = good;
  reads = 0;
  trouble: Error | undefined;
  terms = { intervalMs: 6 * hourMs, minIntervalMs: 15 * minuteMs };
  readonly monitor = new MetricsMonitor({
    read: () => {
      this.reads += 1;
      return Promise.resolve(this.vitals);
    },
    ...fakeRuntime({ time: this.time }),
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
    const scene = new Scene();
    await scene.time.advance(hourMs);
    expect(scene.reads).toBe(0);
    await scene.connect();
    expect(scene.sent).toStrictEqual([
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
    const scene = new Scene();
    await scene.connect();
    await scene.time.advance(14 * minuteMs);
    expect(scene.reads).toBe(1); // Whatever it were, it would be too early to report it.
    await scene.time.advance(dayMs - 14 * minuteMs - 1);
    expect(scene.sent.length).toBe(4);
    await scene.time.advance(dayMs);
    expect(scene.sent.length).toBe(8);
    expect(new Set(scene.reasons.slice(1))).toStrictEqual(new Set(["interval"]));
  });

  it("come soon when something is wrong, and say so where hubs look", async () => {
    const scene = new Scene();
    await scene.connect();
    await scene.time.advance(hourMs);
    scene.vitals = { ...good, cpuCelsius: 85 };
    await scene.time.advance(5 * minuteMs);
    expect(scene.sent.at(-1)).toMatchObject({
      body: { reason: "change", alerts: ["hot"], cpuCelsius: 85 },
      properties: { kind: "health", alert: "true" },
    });
  });

  it("are bounded where a figure goes to and fro all day", async () => {
    const scene = new Scene();
    await scene.connect();
    for (let minute = 0; minute < 24 * 60; minute += 5) {
      scene.vitals = { ...good, cpuCelsius: minute % 10 === 0 ? 85 : 40 };
      await scene.time.advance(5 * minuteMs);
    }
    expect(scene.sent.length).toBeGreaterThan(50);
    expect(scene.sent.length).toBeLessThanOrEqual(97);
  });

  it("are not kept for a hub that is away: it hears how the board is when it is back", async () => {
    const scene = new Scene();
    await scene.connect();
    scene.monitor.disconnected();
    scene.vitals = { ...good, cpuCelsius: 85 };
    await scene.time.advance(30 * dayMs);
    const { reads } = scene;
    expect([scene.sent.length, reads, scene.time.sleepers]).toStrictEqual([1, 1, 0]);
    scene.vitals = good;
    await scene.connect();
    expect(scene.reasons).toStrictEqual(["start", "interval"]);
  });

  it("are tried again where the hub did not take one", async () => {
    const scene = new Scene();
    scene.trouble = new ConnectionError("throttled", "429");
    await scene.connect();
    expect(scene.sent).toStrictEqual([]);
    scene.trouble = undefined;
    await scene.time.advance(5 * minuteMs);
    expect(scene.reasons).toStrictEqual(["start"]);
  });

  it("stop where they are switched off, with nobody waking up for them, and begin again", async () => {
    const scene = new Scene();
    await scene.connect();
    scene.terms = { ...scene.terms, intervalMs: 0 };
    scene.monitor.settingsChanged();
    await scene.time.advance(dayMs);
    expect([scene.sent.length, scene.time.sleepers]).toStrictEqual([1, 0]);
    scene.terms = { ...scene.terms, intervalMs: hourMs };
    scene.monitor.settingsChanged();
    await settle();
    expect(scene.reasons).toStrictEqual(["start", "interval"]);
  });
});

it("a whole board sends them, as the hub has told it to", async () => {
  const hub = new FakeHub();
  const board = new FakeBoard(hub);
  await board.powerOn();
  await board.time.advance(dayMs);
  expect(hub.messages.length).toBe(5);
  hub.setDesired({ boardkeeper: { health: { "every-seconds": 0 } } });
  await board.time.advance(dayMs);
  expect(hub.messages.length).toBe(5);
  hub.setDesired({ boardkeeper: { health: { "every-seconds": 3600 } } });
  await board.time.advance(dayMs);
  expect(hub.messages.length).toBe(5 + 25);
});
