/** A call of the agent that waits for its step. */
export interface Call {
  readonly label: string;
  /** True for an action on the board, which may fail, and may be repeated. */
  readonly isAction: boolean;
  readonly effect: () => unknown;
  readonly resolve: (value: never) => void;
  readonly reject: (why: unknown) => void;
}

/** The calls of the agent that are under way, in their order. */
export class PendingCalls {
  #waiting: Call[] = [];

  /** The call that happens next. */
  get next(): Call | undefined {
    return this.#waiting[0];
  }

  get labels(): string[] {
    return this.#waiting.map(({ label }) => label);
  }

  has(label: string): boolean {
    return this.#waiting.some((call) => call.label === label);
  }

  /** Resolves with the result of the call, once it has happened; rejects when the signal aborts before that. */
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

  /** Removes the next call, for the caller to complete. */
  take(): Call | undefined {
    return this.#waiting.shift();
  }

  /** Removes the calls with one of these labels: they will not happen. */
  removeAll(labels: readonly string[]): readonly Call[] {
    const cut = this.#waiting.filter(({ label }) => labels.includes(label));
    this.#waiting = this.#waiting.filter((call) => !cut.includes(call));
    return cut;
  }
}
