import { delayOrAbort } from "../lib/abort.ts";
import { timestamp } from "../lib/clock.ts";
import type { Runtime } from "../lib/runtime.ts";
import type { SendTelemetry } from "../hub/connection.ts";
import { alertsIn, reportDue, type Reason, type ReportTerms } from "./report-policy.ts";
import type { Vitals } from "./metrics.ts";

/** How often the board is looked at while the link is up. */
const lookEveryMs = 300_000;

export interface MonitorPorts extends Runtime {
  /** Reads how the board is. Takes seconds at most, and rejects only where nothing can be read at all. */
  readonly read: () => Promise<Vitals>;
  readonly terms: () => ReportTerms;
  /** What a report says beside the figures: which boot it is of, which firmware ran. */
  readonly facts: () => { readonly bootId: string; readonly firmwareVersion: string | null };
}

/**
 * Reports the board's health as messages: at the start, every few hours, and when something has changed much. Nothing is
 * kept for a hub that is away: it hears how the board is when it is back, not how it was.
 */
export class Monitor {
  readonly #ports: MonitorPorts;
  #emit: SendTelemetry | undefined;
  #last: { readonly atMs: number; readonly vitals: Vitals } | null = null;
  #stopped = false;
  /** Aborted to have the board looked at now, and to stop. */
  #wake = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(ports: MonitorPorts) {
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

  /** The terms have changed. */
  reconsider(): void {
    this.#wake.abort();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#wake = new AbortController();
      await this.#look();
      if (!this.#stopped) await this.#pause(this.#wake.signal);
    }
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const { timer } = this.#ports;
    if (this.#emit !== undefined && this.#ports.terms().everyMs > 0) {
      await delayOrAbort(timer, lookEveryMs, signal);
    } else if (!signal.aborted) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    }
  }

  async #look(): Promise<void> {
    const { read, bootClock, terms, log } = this.#ports;
    const emit = this.#emit;
    const { everyMs, leastMs } = terms();
    if (emit === undefined || everyMs === 0) return;
    const nowMs = bootClock.nowMs();
    if (this.#last !== null && nowMs - this.#last.atMs < Math.min(leastMs, everyMs)) return; // Nothing could be due.
    try {
      const vitals = await read();
      const reason = reportDue(this.#last, nowMs, vitals, terms());
      if (reason === null) return;
      await emit(await this.#message(vitals, reason));
      this.#last = { atMs: nowMs, vitals };
      log.debug({ reason, alerts: alertsIn(vitals) }, "health reported");
    } catch (cause) {
      // The next look is in minutes, or at the next connection.
      log.warn({ err: cause }, "health not reported");
    }
  }

  async #message(vitals: Vitals, reason: Reason): Promise<Parameters<SendTelemetry>[0]> {
    const { wallClock, facts } = this.#ports;
    const alerts = alertsIn(vitals);
    const clockSynchronized = await wallClock.synchronized();
    return {
      body: {
        kind: "health",
        reason,
        at: timestamp(wallClock),
        clockSynchronized,
        ...facts(),
        alerts,
        ...plain(vitals),
      },
      properties: { kind: "health", ...(alerts.length === 0 ? {} : { alert: "true" }) },
    };
  }
}

function plain({ power, memory, disk, ...figures }: Vitals): Parameters<SendTelemetry>[0]["body"] {
  return { ...figures, power: power && { ...power }, memory: memory && { ...memory }, disk: disk && { ...disk } };
}
