import type { Runtime } from "../lib/runtime.ts";
import { cronOpenings } from "./cron.ts";
import type { WindowStatus, BlockedBy } from "./window.ts";
import { nextStart, type MaintenanceWindow, type Openings } from "./window.ts";

/** A clock that steps, and windows that are changed, are noticed within this. */
const checkIntervalMs = 60_000;

export interface WindowGatePorts extends Runtime {
  /** The windows that are configured now. */
  readonly windows: () => readonly MaintenanceWindow[];
  /** Which part of a window's splay this board waits, in [0, 1). */
  readonly splayFraction: number;
}

/**
 * Lets through what waits for a maintenance window. Looks at the clock again each minute instead of sleeping until a time:
 * a clock that steps, forward or back, then neither opens a window that is not there nor hides one for longer than that.
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
    const { wallClock, windows, splayFraction: share } = this.#ports;
    const of = windows();
    if (of.length === 0) return { kind: "closed", until: null };
    if (!(await wallClock.synchronized())) return { kind: "clockUnknown" };
    const made =
      this.#cached?.of === of
        ? this.#cached
        : { of, openings: await Promise.all(of.map((one) => this.#openings(one))) };
    this.#cached = made;
    const nowMs = wallClock.now().getTime();
    const times = of.flatMap((window, at): number[] => {
      const openings = made.openings[at];
      const actMs = openings === undefined ? null : nextStart(window, openings, nowMs, share);
      return actMs === null ? [] : [actMs];
    });
    const next = times.length === 0 ? null : Math.min(...times);
    if (next !== null && next <= nowMs) return { kind: "open" };
    return { kind: "closed", until: next === null ? null : new Date(next).toISOString() };
  }

  /** Resolves when the board may act; rejects with the signal's reason. Tells what it waits for, each time it has looked. */
  async untilOpen(onWait: (wait: BlockedBy) => void, signal: AbortSignal): Promise<void> {
    for (;;) {
      const status = await this.status();
      signal.throwIfAborted();
      if (status.kind === "open") return;
      onWait(status);
      const { timer, wallClock } = this.#ports;
      const leftMs =
        status.kind === "closed" && status.until !== null
          ? Date.parse(status.until) - wallClock.now().getTime()
          : Infinity;
      await timer.after(Math.min(checkIntervalMs, Math.max(1, leftMs)), signal);
    }
  }

  /** They were checked before, by a release that may have read them otherwise: what cannot be read opens nothing. */
  async #openings(window: MaintenanceWindow): Promise<Openings> {
    try {
      return await cronOpenings(window);
    } catch (cause) {
      this.#ports.log.error({ err: cause, cron: window.cron, timezone: window.timezone }, "window cannot be read");
      return { after: () => null };
    }
  }
}
