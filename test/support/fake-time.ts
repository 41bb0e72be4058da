import type { BootClock, Timer, WallClock } from "../../agent/lib/clock.ts";

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/** Time that passes when a test says so: wall clock, boot clock and timer of one board. */
export class FakeTime implements WallClock, BootClock, Timer {
  isSynchronized = true;
  #wallMs: number;
  #bootMs = 1_000;
  #sleepers: Sleeper[] = [];

  constructor(start = "2026-01-02T03:00:00.000Z") {
    this.#wallMs = Date.parse(start);
  }

  now(): Date {
    return new Date(this.#wallMs);
  }

  synchronized(): Promise<boolean> {
    return Promise.resolve(this.isSynchronized);
  }

  nowMs(): number {
    return this.#bootMs;
  }

  /** Moves the wall clock alone, as a time server does to a board without a battery. */
  stepWall(byMs: number): void {
    this.#wallMs += byMs;
  }

  after(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#sleepers = this.#sleepers.filter((one) => one !== sleeper);
        reject(signal?.reason instanceof Error ? signal.reason : new Error("aborted"));
      };
      const wake = (): void => {
        signal?.removeEventListener("abort", stop);
        resolve();
      };
      const sleeper: Sleeper = { dueMs: this.#bootMs + delayMs, wake };
      if (signal?.aborted === true) return stop();
      signal?.addEventListener("abort", stop, { once: true });
      this.#sleepers.push(sleeper);
    });
  }

  /** How many wait for time to pass. */
  get sleepers(): number {
    return this.#sleepers.length;
  }

  /** Lets time pass, waking whoever is due in order, with everything that follows from it done in between. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#bootMs + byMs;
    await settle();
    for (;;) {
      const next = this.#sleepers.filter(({ dueMs }) => dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined) break;
      this.#sleepers = this.#sleepers.filter((one) => one !== next);
      this.#pass(Math.max(0, next.dueMs - this.#bootMs));
      next.wake();
      await settle();
    }
    this.#pass(untilMs - this.#bootMs);
    await settle();
  }

  #pass(byMs: number): void {
    this.#bootMs += byMs;
    this.#wallMs += byMs;
  }
}

/** Lets everything happen that needs no time: promises, and callbacks of the event loop's next turns. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
