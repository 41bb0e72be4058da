import { delayOrAbort } from "../lib/abort.ts";
import type { Alerts } from "../lib/alerts.ts";
import { timestamp } from "../lib/clock.ts";
import type { Runtime } from "../lib/runtime.ts";
import type { SendTelemetry } from "../hub/connection.ts";
import { ConnectionError } from "../hub/connection-error.ts";
import { healthAlerts } from "./health-alerts.ts";
import { healthMessage, type BoardFacts } from "./health-message.ts";
import { reportReason, type ReportIntervals } from "./report-policy.ts";
import type { BoardMetrics } from "./metrics.ts";

/** How often metrics are read while the board is connected. */
const sampleIntervalMs = 300_000;

/**
 * After a message has cost the connection: over its quota or its throttle, a hub answers twin requests but closes the
 * connection of who sends messages (Azure/azure-iot-sdk-java #1805), and each new connection would end in the same way.
 */
const holdBackMs = 6 * 3_600_000;

const alertPart = "held-messages";
/** A twin takes 200 bytes of it. */
const heldBack =
  "The connection was lost over a health message: the hub's message quota is used up, it throttles, or the network failed. None is sent for 6 hours; all else goes on. Look at the hub's metrics.";

export interface MetricsMonitorPorts extends Runtime {
  /** Reads the metrics. Takes seconds at most, and rejects only where nothing can be read. */
  readonly read: () => Promise<BoardMetrics>;
  readonly intervals: () => ReportIntervals;
  /** What a report contains besides the metrics. */
  readonly facts: () => BoardFacts;
  /** Hold an alert from a message that cost the connection until the hub takes one. */
  readonly alerts: Alerts;
}

/**
 * Reports the board's health in telemetry messages: at the start, every few hours, and after significant changes. Reports
 * nothing while the hub is away; the first report after that has the current metrics.
 */
export class MetricsMonitor {
  readonly #ports: MetricsMonitorPorts;
  #emit: SendTelemetry | undefined;
  #last: { readonly atMs: number; readonly metrics: BoardMetrics } | null = null;
  #heldUntilMs = 0;
  #stopped = false;
  /** Aborted to read the metrics now, and to stop. */
  #wake = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(ports: MetricsMonitorPorts) {
    this.#ports = ports;
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake.abort();
    await this.#loop;
  }

  connected(emit: SendTelemetry): void {
    this.#emit = emit;
    this.#wake.abort();
  }

  disconnected(): void {
    this.#emit = undefined;
  }

  /** Call after the intervals have changed. */
  settingsChanged(): void {
    this.#wake.abort();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#wake = new AbortController();
      await this.#sample();
      if (!this.#stopped) await this.#pause(this.#wake.signal);
    }
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const { timer } = this.#ports;
    if (this.#emit !== undefined && this.#ports.intervals().intervalMs > 0) {
      await delayOrAbort(timer, sampleIntervalMs, signal);
    } else if (!signal.aborted) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    }
  }

  async #sample(): Promise<void> {
    const { read, bootClock, wallClock, intervals, facts, alerts, log } = this.#ports;
    const emit = this.#emit;
    const { intervalMs, minIntervalMs } = intervals();
    if (intervalMs === 0) {
      this.#heldUntilMs = 0; // Who switches them on again wants to see one.
      alerts.clear(alertPart);
    }
    if (emit === undefined || intervalMs === 0) return;
    const nowMs = bootClock.nowMs();
    if (nowMs < this.#heldUntilMs) return;
    if (this.#last !== null && nowMs - this.#last.atMs < Math.min(minIntervalMs, intervalMs)) return; // Nothing could be due.
    try {
      const metrics = await read();
      const reason = reportReason(this.#last, nowMs, metrics, intervals());
      if (reason === null) return;
      const clockSynchronized = await wallClock.synchronized();
      await emit(healthMessage(metrics, { reason, at: timestamp(wallClock), clockSynchronized, ...facts() }));
      this.#last = { atMs: nowMs, metrics };
      alerts.clear(alertPart);
      log.debug({ reason, alerts: healthAlerts(metrics) }, "health reported");
    } catch (cause) {
      // The next check is in minutes, or at the next connection.
      log.warn({ err: cause }, "health not reported");
      if (cause instanceof ConnectionError && cause.kind === "lost") {
        this.#heldUntilMs = nowMs + holdBackMs;
        alerts.raise(alertPart, heldBack);
        log.warn({ forMs: holdBackMs, reason: heldBack }, "health messages are held back");
      }
    }
  }
}
