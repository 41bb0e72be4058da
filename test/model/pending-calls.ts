/** A call of the agent that waits for the explorer. */
export interface Call {
  readonly label: string;
  /** True for what is done to the board, which may fail, and be done twice. */
  readonly isAction: boolean;
  readonly effect: () => unknown;
  readonly resolve: (value: never) => void;
  readonly reject: (why: unknown) => void;
}

/** The calls of the agent that are under way: each is done when the explorer says. */
export class PendingCalls {
  #waiting: Call[] = [];

  /** The one that is to be done next. */
  get next(): Call | undefined {
    return this.#waiting[0];
  }

  get labels(): string[] {
    return this.#waiting.map(({ label }) => label);
  }

  has(label: string): boolean {
    return this.#waiting.some((call) => call.label === label);
  }

  /** Resolves with what it comes to, once it is done; rejects when the signal aborts before that. */
  wait<T>(label: string, isDuty: boolean, effect: () => T, signal?: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      const stop = (): void => {
        this.#waiting = this.#waiting.filter((one) => one !== call);
        reject(signal?.reason);
      };
      const settle = (how: (value: never) => void, value: unknown): void => {
        signal?.removeEventListener("abort", stop);
        how(value as never);
      };
      const call: Call = {
        label,
        isAction: isDuty,
        effect,
        resolve: (value) => settle(resolve, value),
        reject: (why) => settle(reject, why),
      };
      signal?.addEventListener("abort", stop, { once: true });
      this.#waiting.push(call);
    });
  }

  /** Takes the next one out, for whoever does it. */
  take(): Call | undefined {
    return this.#waiting.shift();
  }

  /** Takes out those with one of these labels: nobody will do them. */
  removeAll(labels: readonly string[]): readonly Call[] {
    const cut = this.#waiting.filter(({ label }) => labels.includes(label));
    this.#waiting = this.#waiting.filter((call) => !cut.includes(call));
    return cut;
  }
}
