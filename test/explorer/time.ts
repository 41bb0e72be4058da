import type { Timer } from "../../agent/clock.ts";

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/** Time that passes only when nothing else can happen. */
export class PatientTimer implements Timer {
  nowMs: number;
  #sleepers: Sleeper[] = [];

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  after(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#sleepers = this.#sleepers.filter((one) => one !== sleeper);
        reject(signal?.reason);
      };
      const sleeper: Sleeper = {
        dueMs: this.nowMs + delayMs,
        wake: () => {
          signal?.removeEventListener("abort", stop);
          resolve();
        },
      };
      if (signal?.aborted === true) return stop();
      signal?.addEventListener("abort", stop, { once: true });
      this.#sleepers.push(sleeper);
    });
  }

  /** How long each sleeper still has, the nearest first; those that wait for more than an hour wait for ever here. */
  get waitsMs(): number[] {
    return this.#sleepers
      .map(({ dueMs }) => dueMs - this.nowMs)
      .filter((waitMs) => waitMs <= 3_600_000)
      .sort((a, b) => a - b);
  }

  /** Lets time pass until the next sleeper wakes. False when nobody sleeps. */
  wakeNext(): boolean {
    const [waitMs] = this.waitsMs;
    if (waitMs === undefined) return false;
    const next = this.#sleepers.find(({ dueMs }) => dueMs === this.nowMs + waitMs);
    this.#sleepers = this.#sleepers.filter((one) => one !== next);
    this.nowMs += waitMs;
    next?.wake();
    return true;
  }
}
