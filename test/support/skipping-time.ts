import type { BootClock, Timer } from "../../agent/lib/clock.ts";

/**
 * Time that passes at once whenever somebody waits for it: hours of waiting cost a test nothing. Waits of one length, which
 * guard what goes on meanwhile, end only when the test says so.
 */
export class SkippingTime implements BootClock, Timer {
  /** Every wait that was begun and has passed, in milliseconds. */
  readonly waits: number[] = [];
  readonly #guardMs: number;
  #nowMs = 5_000;
  #guards: (() => void)[] = [];
  /** Set to have waits begin and not end. */
  isHeld = false;

  constructor(guardMs: number) {
    this.#guardMs = guardMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  /** As work does, which no timer knows of. */
  pass(byMs: number): void {
    this.#nowMs += byMs;
  }

  after(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = (): void => reject(signal?.reason);
      const end = (): void => {
        signal?.removeEventListener("abort", stop);
        resolve();
      };
      if (signal?.aborted === true) return stop();
      signal?.addEventListener("abort", stop, { once: true });
      if (delayMs === this.#guardMs) return void this.#guards.push(end);
      this.waits.push(delayMs);
      if (this.isHeld) return undefined;
      this.#nowMs += delayMs;
      setImmediate(end);
      return undefined;
    });
  }

  /** Lets the guarding waits of this moment end. */
  endGuards(): void {
    this.#nowMs += this.#guardMs;
    for (const end of this.#guards.splice(0)) end();
  }
}
