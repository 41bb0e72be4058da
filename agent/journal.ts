import type { Timer } from "./clock.ts";
import type { Log } from "./log.ts";
import type { Decision, Saved } from "./saved.ts";

/** How long to wait before saving is tried again on a disk that refuses. */
const retryMs = 5_000;

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
    super(`The state could not be saved: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = "NotSaved";
  }
}

export interface JournalPorts {
  readonly file: StateFile;
  readonly timer: Timer;
  readonly log: Log;
}

/**
 * The saved state while the agent runs, and the only way to change it. Decisions are taken one at a time on the latest
 * state; a change is on disk before anybody learns of it, so nobody can act on what a power cut would undo.
 */
export class Journal {
  #saved: Saved;
  #last: Promise<unknown> = Promise.resolve();
  readonly #ports: JournalPorts;
  readonly #listeners = new Set<(saved: Saved) => void>();

  constructor(ports: JournalPorts, loaded: Saved) {
    this.#ports = ports;
    this.#saved = loaded;
  }

  get saved(): Saved {
    return this.#saved;
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
    const decided = this.#last.then(async () => {
      const { change, answer } = decision(this.#saved);
      if (change !== undefined) await this.#write({ ...this.#saved, ...change, seq: this.#saved.seq + 1 });
      return answer;
    });
    this.#last = decided.catch(() => undefined); // The caller gets the rejection; the next decision must still run.
    return decided;
  }

  /**
   * Takes a decision that must not be lost, and tries for as long as the disk refuses to save it.
   * @returns its answer; undefined when the signal has aborted first
   */
  async record<T>(decision: (saved: Saved) => Decision<T>, signal: AbortSignal): Promise<T | undefined> {
    while (!signal.aborted) {
      try {
        return await this.decide(decision);
      } catch (cause) {
        if (!(cause instanceof NotSaved)) throw cause;
        this.#ports.log.error({ err: cause }, "state not saved, trying again");
        await this.#ports.timer.after(retryMs, signal).catch(() => undefined); // Only the signal ends the wait early.
      }
    }
    return undefined;
  }

  async #write(next: Saved): Promise<void> {
    try {
      await this.#ports.file.save(next);
    } catch (cause) {
      throw new NotSaved(cause);
    }
    this.#saved = next;
    for (const listener of this.#listeners) this.#tell(listener, next);
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
