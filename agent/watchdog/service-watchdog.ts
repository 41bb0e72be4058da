import { delayOrAbort } from "../lib/abort.ts";
import type { Runtime } from "../lib/runtime.ts";
import { detectStalls, type ProgressHistory, type StalledActivity, type Activity } from "./stall-detector.ts";

/** Where the service manager listens: systemd, or nobody. */
export interface ServiceManager {
  /** The watchdog timeout; null where none is set. */
  readonly watchdogMs: number | null;
  /** Sends assignments of sd_notify(3) in one message. Never throws or waits: a message that cannot be sent is lost. */
  notify(...assignments: readonly string[]): void;
}

export interface ServiceWatchdogPorts extends Runtime {
  readonly manager: ServiceManager;
  /** The current activities, read at each check. */
  readonly activities: () => readonly Activity[];
  /** The status line. */
  readonly status: () => string;
}

/** How often activities are checked where the watchdog timeout does not ask for more. */
const checkIntervalMs = 15_000;

/**
 * Reports status and liveness to the service manager, as long as the event loop runs and every activity progresses within
 * its stall limit. A stalled activity is reported at once, and ends the process where a watchdog is set; the next process
 * continues from the saved state.
 */
export class ServiceWatchdog {
  readonly #ports: ServiceWatchdogPorts;
  readonly #stopping = new AbortController();
  #progress: ProgressHistory = new Map();
  #lastStatus = "";
  #running: Promise<void> = Promise.resolve();

  constructor(ports: ServiceWatchdogPorts) {
    this.#ports = ports;
  }

  /** Call when the agent is ready: state loaded, methods served once connected. */
  start(): void {
    this.#running = this.#run(this.#stopping.signal);
  }

  /** Sends the status line if it has changed. */
  refresh(): void {
    const status = this.#ports.status();
    if (status === this.#lastStatus || this.#stopping.signal.aborted) return;
    this.#lastStatus = status;
    this.#ports.manager.notify(`STATUS=${status}`);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#ports.manager.notify("STOPPING=1", "STATUS=Stopping.");
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { manager, timer } = this.#ports;
    const everyMs = manager.watchdogMs === null ? checkIntervalMs : Math.min(checkIntervalMs, manager.watchdogMs / 4);
    while (!signal.aborted) {
      const stalled = this.#findStalled();
      if (stalled.length > 0) return this.#giveUp(stalled);
      this.#lastStatus = this.#ports.status();
      // All of it each time: any message may be lost, and systemd ends an agent from which it never got READY=1.
      manager.notify("READY=1", "WATCHDOG=1", `STATUS=${this.#lastStatus}`);
      await delayOrAbort(timer, everyMs, signal);
    }
  }

  #findStalled(): readonly StalledActivity[] {
    const { activities, bootClock } = this.#ports;
    const { seen, stalled } = detectStalls(this.#progress, activities(), bootClock.nowMs());
    this.#progress = seen;
    return stalled;
  }

  #giveUp(stalled: readonly StalledActivity[]): void {
    const { manager, log } = this.#ports;
    const descriptions = stalled.map(
      ({ name, stalledMs }) => `${name} has not moved for ${Math.round(stalledMs / 60_000)} min`,
    );
    log.fatal({ stalled, watched: manager.watchdogMs !== null }, "work has stalled, the watchdog is not fed any more");
    this.#lastStatus = `Stalled: ${descriptions.join(", ")}. systemd restarts the agent.`;
    manager.notify(`STATUS=${this.#lastStatus}`, "WATCHDOG=trigger");
  }
}
