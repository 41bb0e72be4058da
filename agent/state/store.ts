import { delayOrAbort } from "../lib/abort.ts";
import type { BootClock, Timer } from "../lib/clock.ts";
import { describeDiskError, diskRetry } from "../lib/disk-errors.ts";
import type { Log } from "../lib/log.ts";
import type { Problems } from "../alerts.ts";
import { backoff } from "../lib/backoff.ts";
import type { Change, Decision, Saved } from "../operations/agent-state.ts";

/** Where the journal lies. Declared here because the journal is its only user. */
export interface StateFile {
  /**
   * Makes a state survive a power cut: resolves only when it does. A rejected save leaves the state of the last
   * resolved one, or this one, on disk; never a mixture.
   */
  save(saved: Saved): Promise<void>;
}

/** A state could not be saved, so nothing was changed. `cause` is what the disk said. */
export class NotSaved extends Error {
  constructor(cause: unknown) {
    super(`The state could not be saved: ${describeDiskError(cause)}`, { cause });
    this.name = "NotSaved";
  }
}

export interface JournalPorts {
  readonly file: StateFile;
  readonly timer: Timer;
  readonly bootClock: BootClock;
  readonly problems: Problems;
  readonly log: Log;
  /** Aborts when the agent stops: a disk that refuses is not asked any more. */
  readonly stopping: AbortSignal;
}

/**
 * The saved state while the agent runs, and the only way to change it. Decisions are taken one at a time on the latest
 * state; a change is on disk before anybody learns of it, so nobody can act on, or tell, what a restart would undo.
 */
export class Journal {
  #saved: Saved;
  #last: Promise<unknown> = Promise.resolve();
  readonly #ports: JournalPorts;
  readonly #listeners = new Set<(saved: Saved) => void>();
  /** While the disk refuses: since when, on the boot clock, what it said last, and what ends the wait for the next try. */
  #trouble: { readonly sinceMs: number; refusal: NotSaved; readonly over: AbortController } | undefined;
  /** Records that wait for another try, the one that has waited longest first. */
  #waiting: (() => void)[] = [];
  /** How many have been asked for: each has a number of its own among the problems. */
  #records = 0;

  constructor(ports: JournalPorts, loaded: Saved) {
    this.#ports = ports;
    this.#saved = loaded;
  }

  get saved(): Saved {
    return this.#saved;
  }

  /** What the disk has said last, from a refused save until one works again. */
  get refusal(): NotSaved | undefined {
    return this.#trouble?.refusal;
  }

  /** Calls back after each change, in order, when it is on disk. Returns how to stop that. */
  onChange(listener: (saved: Saved) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves as soon as the saved state meets a test; rejects when the signal aborts first. */
  until(test: (saved: Saved) => boolean, signal: AbortSignal): Promise<Saved> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        if (!signal.aborted && !test(this.#saved)) return;
        this.#listeners.delete(settle);
        signal.removeEventListener("abort", settle);
        if (signal.aborted) reject(signal.reason);
        else resolve(this.#saved);
      };
      this.#listeners.add(settle);
      signal.addEventListener("abort", settle);
      settle();
    });
  }

  /**
   * Takes a decision on the latest state, saves what it changes, then answers.
   * Rejects with NotSaved, and nothing changed, when the state cannot be saved.
   */
  decide<T>(decision: (saved: Saved) => Decision<T>): Promise<T> {
    return this.#inTurn(async () => {
      const { change, answer } = decision(this.#saved);
      if (change !== undefined) await this.#write(this.#changed(change));
      return answer;
    });
  }

  /**
   * Takes a decision that must not be lost, anew at each try for as long as the disk refuses to save it. Until it is saved
   * nothing has changed; an end that it comes to stands among the problems meanwhile.
   * @returns its answer; undefined when the signal has aborted first
   */
  async record<T>(decision: (saved: Saved) => Decision<T>, signal: AbortSignal): Promise<T | undefined> {
    const part = `record ${(this.#records += 1)}`;
    const told = (): boolean => this.#ports.problems.goesAway(part);
    let end: string | undefined;
    let isItsTurn = false;
    try {
      while (!signal.aborted) {
        try {
          return await this.#inTurn(async () => {
            const { change, answer, unsavedEnd } = decision(this.#saved);
            end = unsavedEnd;
            // A disk that is known to refuse is asked when it is time to, not whenever there is something to save.
            if (change !== undefined && this.#trouble !== undefined && !isItsTurn) throw this.#trouble.refusal;
            if (change !== undefined) await this.#write(this.#changed(change), told);
            return answer;
          });
        } catch (cause) {
          if (!(cause instanceof NotSaved)) throw cause;
          if (end !== undefined) this.#ports.problems.appears(part, end);
          await this.#nextTry(signal);
          isItsTurn = true;
        }
      }
      return undefined;
    } finally {
      told();
    }
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#last.then(act);
    this.#last = done.catch(() => undefined); // The caller gets the rejection; the next decision must still run.
    return done;
  }

  #changed(change: Change): Saved {
    return { ...this.#saved, ...change, seq: this.#saved.seq + 1 };
  }

  /** @param whenSaved called when it is on disk, before anybody learns of it */
  async #write(next: Saved, whenSaved?: () => void): Promise<void> {
    try {
      await this.#ports.file.save(next);
    } catch (cause) {
      const refusal = new NotSaved(cause);
      this.#noteRefusal(refusal);
      throw refusal;
    }
    this.#noteSuccess();
    whenSaved?.();
    if (next === this.#saved) return;
    this.#saved = next;
    for (const listener of this.#listeners) this.#tell(listener, next);
  }

  #noteRefusal(refusal: NotSaved): void {
    const { problems, log, bootClock } = this.#ports;
    const sentence = `The agent's state cannot be saved, so nothing is begun: ${describeDiskError(refusal.cause)}`;
    if (problems.appears("state", sentence)) log.error({ err: refusal.cause }, "state not saved, trying again");
    if (this.#trouble !== undefined) {
      this.#trouble.refusal = refusal;
      return;
    }
    this.#trouble = { sinceMs: bootClock.nowMs(), refusal, over: new AbortController() };
    void this.#tryAgain(this.#trouble.over.signal);
  }

  #noteSuccess(): void {
    const { problems, log, bootClock } = this.#ports;
    if (this.#trouble === undefined) return;
    log.info({ refusedMs: bootClock.nowMs() - this.#trouble.sinceMs }, "state saved again");
    this.#trouble.over.abort();
    this.#trouble = undefined;
    problems.goesAway("state");
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /**
   * Asks the disk again until it takes something, ever more seldom, because cards wear from failed writes too: each time one
   * record that waits; where none does, the state as it is in memory.
   */
  async #tryAgain(over: AbortSignal): Promise<void> {
    const { timer, stopping } = this.#ports;
    const either = AbortSignal.any([over, stopping]);
    for (const waitMs of backoff(diskRetry)) {
      await delayOrAbort(timer, waitMs, either);
      if (either.aborted) return;
      const [first] = this.#waiting;
      if (first !== undefined) first();
      else await this.#inTurn(() => this.#write(this.#saved)).catch(() => undefined); // Noted already.
    }
  }

  /** Resolves when a record may try again: its turn has come, the disk has taken something, or nobody waits any more. */
  #nextTry(signal: AbortSignal): Promise<void> {
    if (this.#trouble === undefined) return Promise.resolve(); // Another save has worked meanwhile.
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting = this.#waiting.filter((one) => one !== wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiting.push(wake);
      signal.addEventListener("abort", wake, { once: true });
      if (signal.aborted) wake();
    });
  }

  /** A listener that fails must not make a change that is on disk look like one that is not. */
  #tell(listener: (saved: Saved) => void, saved: Saved): void {
    try {
      listener(saved);
    } catch (cause) {
      this.#ports.log.error({ err: cause }, "a change of state was not followed");
    }
  }
}
