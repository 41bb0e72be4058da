import { delayOrAbort } from "../lib/abort.ts";
import type { Runtime } from "../lib/runtime.ts";
import { detectStalls, type ProgressHistory, type StalledActivity, type Activity } from "./stall-detector.ts";

/** Where the service manager listens: systemd, or nobody. */
export interface ServiceManager {
  /** Within which time it wants to hear of progress; null where it does not watch. */
  readonly watchdogMs: number | null;
  /** Sends assignments of sd_notify(3), one each, together. Never throws, never waits: what cannot be sent now is lost. */
  notify(...assignments: readonly string[]): void;
}

export interface ServiceWatchdogPorts extends Runtime {
  readonly manager: ServiceManager;
  /** What is under way, looked at again each time. */
  readonly activities: () => readonly Activity[];
  /** How the agent is, for people: one line. */
  readonly status: () => string;
}

/** How often the work is looked at where nobody asks for more. */
const checkIntervalMs = 15_000;

/**
 * Tells the service manager how the agent is, and that it goes on: as long as the event loop turns (else this does not run)
 * and everything under way moves within its bounds. What is stuck is told at once, and ends the process where a watchdog is
 * set: the next one goes on from what was saved.
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

  /** Ready: saved state loaded, methods served as soon as the link is up. */
  start(): void {
    this.#running = this.#run(this.#stopping.signal);
  }

  /** Says how the agent is where that has changed. */
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
      const stuck = this.#findStalled();
      if (stuck.length > 0) return this.#giveUp(stuck);
      this.#lastStatus = this.#ports.status();
      // All of it each time: any message may be lost, and a systemd that has not heard READY=1 ends the agent.
      manager.notify("READY=1", "WATCHDOG=1", `STATUS=${this.#lastStatus}`);
      await delayOrAbort(timer, everyMs, signal);
    }
  }

  #findStalled(): readonly StalledActivity[] {
    const { activities: work, bootClock } = this.#ports;
    const { seen, stuck } = detectStalls(this.#progress, work(), bootClock.nowMs());
    this.#progress = seen;
    return stuck;
  }

  #giveUp(stuck: readonly StalledActivity[]): void {
    const { manager, log } = this.#ports;
    const words = stuck.map(
      ({ name, stalledMs: stillMs }) => `${name} has not moved for ${Math.round(stillMs / 60_000)} min`,
    );
    log.fatal({ stuck, watched: manager.watchdogMs !== null }, "work is stuck, the watchdog is not fed any more");
    this.#lastStatus = `Stuck: ${words.join(", ")}. To be started again.`;
    manager.notify(`STATUS=${this.#lastStatus}`, "WATCHDOG=trigger");
  }
}
