import { delayOrAbort } from "../lib/abort.ts";
import type { Runtime } from "../lib/runtime.ts";
import { describeDiskError, diskRetry } from "../lib/disk-errors.ts";
import type { Alerts } from "../lib/alerts.ts";
import { backoff } from "../lib/backoff.ts";
import { StateNotPersisted, type Decision, type StateFile, type StateStore } from "./ports.ts";

export interface StateStorePorts<State> extends Runtime {
  readonly file: StateFile<State>;
  readonly alerts: Alerts;
  /** Aborts when the agent stops: saves are not retried any more. */
  readonly stopping: AbortSignal;
}

/** The state store over a file. `seq` counts its saves. */
export class PersistentStateStore<State extends { readonly seq: number }> implements StateStore<State> {
  #state: State;
  #queue: Promise<unknown> = Promise.resolve();
  readonly #ports: StateStorePorts<State>;
  readonly #listeners = new Set<(state: State) => void>();
  /** While saves fail: since when (boot clock), the last error, and what ends the retries. */
  #outage: { readonly sinceMs: number; refusal: StateNotPersisted; readonly over: AbortController } | undefined;
  /** Transactions that wait for their next attempt, the oldest first. */
  #retryWaiters: (() => void)[] = [];
  /** Numbers the transactions: each has an alert of its own. */
  #transactionCount = 0;

  constructor(ports: StateStorePorts<State>, loaded: State) {
    this.#ports = ports;
    this.#state = loaded;
  }

  get state(): State {
    return this.#state;
  }

  get lastWriteError(): StateNotPersisted | undefined {
    return this.#outage?.refusal;
  }

  onChange(listener: (state: State) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  until(test: (state: State) => boolean, signal: AbortSignal): Promise<State> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        if (!signal.aborted && !test(this.#state)) return;
        this.#listeners.delete(settle);
        signal.removeEventListener("abort", settle);
        if (signal.aborted) reject(signal.reason);
        else resolve(this.#state);
      };
      this.#listeners.add(settle);
      signal.addEventListener("abort", settle);
      settle();
    });
  }

  transact<T>(decision: (state: State) => Decision<State, T>): Promise<T> {
    return this.#enqueue(async () => {
      const { change, answer } = decision(this.#state);
      if (change !== undefined) await this.#write(this.#withChange(change));
      return answer;
    });
  }

  async transactUntilSaved<T>(
    decision: (state: State) => Decision<State, T>,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    const part = `transaction ${(this.#transactionCount += 1)}`;
    const clearAlert = (): boolean => this.#ports.alerts.clear(part);
    let unsavedAlert: string | undefined;
    let isItsTurn = false;
    try {
      while (!signal.aborted) {
        try {
          return await this.#enqueue(async () => {
            const decided = decision(this.#state);
            const { change, answer } = decided;
            ({ unsavedAlert } = decided);
            // While saves fail, only the transaction whose turn it is writes: cards wear from failed writes too.
            if (change !== undefined && this.#outage !== undefined && !isItsTurn) throw this.#outage.refusal;
            if (change !== undefined) await this.#write(this.#withChange(change), clearAlert);
            return answer;
          });
        } catch (cause) {
          if (!(cause instanceof StateNotPersisted)) throw cause;
          if (unsavedAlert !== undefined) this.#ports.alerts.raise(part, unsavedAlert);
          await this.#untilRetry(signal);
          isItsTurn = true;
        }
      }
      return undefined;
    } finally {
      clearAlert();
    }
  }

  #enqueue<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(act);
    this.#queue = done.catch(() => undefined); // The caller gets the rejection; the next decision must still run.
    return done;
  }

  #withChange(change: Partial<State>): State {
    return { ...this.#state, ...change, seq: this.#state.seq + 1 };
  }

  /** @param whenSaved called when the state is on disk, before any listener */
  async #write(next: State, whenSaved?: () => void): Promise<void> {
    try {
      await this.#ports.file.save(next);
    } catch (cause) {
      const refusal = new StateNotPersisted(cause);
      this.#noteWriteError(refusal);
      throw refusal;
    }
    this.#noteWriteSuccess();
    whenSaved?.();
    if (next === this.#state) return;
    this.#state = next;
    for (const listener of this.#listeners) this.#notify(listener, next);
  }

  #noteWriteError(refusal: StateNotPersisted): void {
    const { alerts, log, bootClock } = this.#ports;
    const sentence = `The agent's state cannot be saved, so no action is started: ${describeDiskError(refusal.cause)}`;
    if (alerts.raise("state", sentence)) log.error({ err: refusal.cause }, "state not saved, trying again");
    if (this.#outage !== undefined) {
      this.#outage.refusal = refusal;
      return;
    }
    this.#outage = { sinceMs: bootClock.nowMs(), refusal, over: new AbortController() };
    void this.#retryUntilWritten(this.#outage.over.signal);
  }

  #noteWriteSuccess(): void {
    const { alerts, log, bootClock } = this.#ports;
    if (this.#outage === undefined) return;
    log.info({ refusedMs: bootClock.nowMs() - this.#outage.sinceMs }, "state saved again");
    this.#outage.over.abort();
    this.#outage = undefined;
    alerts.clear("state");
    for (const wake of this.#retryWaiters.splice(0)) wake();
  }

  /**
   * Retries with growing waits until a save succeeds: each time the oldest waiting transaction, or the present state where
   * none waits.
   */
  async #retryUntilWritten(over: AbortSignal): Promise<void> {
    const { timer, stopping } = this.#ports;
    const either = AbortSignal.any([over, stopping]);
    for (const waitMs of backoff(diskRetry)) {
      await delayOrAbort(timer, waitMs, either);
      if (either.aborted) return;
      const [first] = this.#retryWaiters;
      if (first !== undefined) first();
      else await this.#enqueue(() => this.#write(this.#state)).catch(() => undefined); // #write has noted it.
    }
  }

  /** Resolves when a transaction may try again: its turn has come, a save has succeeded, or the signal has aborted. */
  #untilRetry(signal: AbortSignal): Promise<void> {
    if (this.#outage === undefined) return Promise.resolve(); // Another save has succeeded meanwhile.
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#retryWaiters = this.#retryWaiters.filter((one) => one !== wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#retryWaiters.push(wake);
      signal.addEventListener("abort", wake, { once: true });
      if (signal.aborted) wake();
    });
  }

  /** A listener that fails must not make a change that is on disk look like one that is not. */
  #notify(listener: (state: State) => void, state: State): void {
    try {
      listener(state);
    } catch (cause) {
      this.#ports.log.error({ err: cause }, "a listener of the state failed");
    }
  }
}
