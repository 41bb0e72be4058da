import type { Runtime } from "../lib/runtime.ts";
import { cronOpenings } from "./cron.ts";
import type { WindowStatus, BlockedBy } from "./window.ts";
import { nextStart, type MaintenanceWindow, type Openings } from "./window.ts";

/** A step of the clock or a change of the windows is noticed within this time. */
const checkIntervalMs = 60_000;

export interface WindowGatePorts extends Runtime {
  /** The windows that are configured now. */
  readonly windows: () => readonly MaintenanceWindow[];
  /** The part of a window's splay that this board waits, in [0, 1). */
  readonly splayFraction: number;
}

/**
 * Waits for maintenance windows. Reads the clock each minute instead of sleeping until a time, so that a step of the clock
 * neither opens a window wrongly nor hides one for longer than that.
 */
export class WindowGate {
  readonly #ports: WindowGatePorts;
  #cached: { readonly of: readonly MaintenanceWindow[]; readonly openings: readonly Openings[] } | undefined;

  constructor(ports: WindowGatePorts) {
    this.#ports = ports;
  }

  get isConfigured(): boolean {
    return this.#ports.windows().length > 0;
  }

  async status(): Promise<WindowStatus> {
    const { wallClock, windows, splayFraction } = this.#ports;
    const of = windows();
    if (of.length === 0) return { kind: "missing" };
    if (!(await wallClock.synchronized())) return { kind: "clockUnknown" };
    const cached =
      this.#cached?.of === of
        ? this.#cached
        : { of, openings: await Promise.all(of.map((one) => this.#openings(one))) };
    this.#cached = cached;
    const nowMs = wallClock.now().getTime();
    const times = of.flatMap((window, at): number[] => {
      const openings = cached.openings[at];
      const actMs = openings === undefined ? null : nextStart(window, openings, nowMs, splayFraction);
      return actMs === null ? [] : [actMs];
    });
    const next = times.length === 0 ? null : Math.min(...times);
    if (next !== null && next <= nowMs) return { kind: "open" };
    return { kind: "closed", until: next === null ? null : new Date(next).toISOString() };
  }

  /** Resolves when a window is open; rejects with the signal's reason. Reports at each check what it waits for. */
  async untilOpen(onWait: (wait: BlockedBy) => void, signal: AbortSignal): Promise<void> {
    const { timer, wallClock, log } = this.#ports;
    let hasWarned = false;
    for (;;) {
      const status = await this.status();
      signal.throwIfAborted();
      if (status.kind === "open") return;
      onWait(status);
      const isMissing = status.kind === "missing" || (status.kind === "closed" && status.until === null);
      if (isMissing && !hasWarned) log.warn({ configured: this.isConfigured }, "no maintenance window opens again");
      hasWarned = isMissing;
      const leftMs =
        status.kind === "closed" && status.until !== null
          ? Date.parse(status.until) - wallClock.now().getTime()
          : Infinity;
      await timer.after(Math.min(checkIntervalMs, Math.max(1, leftMs)), signal);
    }
  }

  /** Another release may have validated the window: one that cannot be read never opens. */
  async #openings(window: MaintenanceWindow): Promise<Openings> {
    try {
      return await cronOpenings(window);
    } catch (cause) {
      this.#ports.log.error({ err: cause, cron: window.cron, timezone: window.timezone }, "window cannot be read");
      return { after: () => null };
    }
  }
}
