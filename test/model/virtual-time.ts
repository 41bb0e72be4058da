import type { Timer } from "../../agent/lib/clock.ts";

interface Wait {
  readonly dueMs: number;
  readonly resume: () => void;
}

/** A time, and how many waits had ended before it. */
export interface Instant {
  readonly atMs: number;
  readonly wakeUps: number;
}

/** Time that passes only when nothing else can happen. */
export class VirtualTimer implements Timer {
  nowMs: number;
  /** How many waits have ended so far: of two that end at the same time, one comes first. */
  wakeUps = 0;
  #sleepers: Wait[] = [];

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  get instant(): Instant {
    return { atMs: this.nowMs, wakeUps: this.wakeUps };
  }

  after(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#sleepers = this.#sleepers.filter((one) => one !== sleeper);
        reject(signal?.reason);
      };
      const sleeper: Wait = {
        dueMs: this.nowMs + delayMs,
        resume: () => {
          signal?.removeEventListener("abort", stop);
          resolve();
        },
      };
      if (signal?.aborted === true) return stop();
      signal?.addEventListener("abort", stop, { once: true });
      this.#sleepers.push(sleeper);
    });
  }

  /** How long each wait still takes, the nearest first; one of more than an hour never ends here. */
  get waitsMs(): number[] {
    return this.#sleepers
      .map(({ dueMs }) => dueMs - this.nowMs)
      .filter((waitMs) => waitMs <= 3_600_000)
      .sort((a, b) => a - b);
  }

  /** Lets time pass until the next wait ends. False when nothing waits. */
  advanceToNext(): boolean {
    const [waitMs] = this.waitsMs;
    if (waitMs === undefined) return false;
    const next = this.#sleepers.find(({ dueMs }) => dueMs === this.nowMs + waitMs);
    this.#sleepers = this.#sleepers.filter((one) => one !== next);
    this.nowMs += waitMs;
    this.wakeUps += 1;
    next?.resume();
    return true;
  }
}

/** Runs everything that can run without a step. */
export function drainEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
