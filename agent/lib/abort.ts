import type { Timer } from "./clock.ts";

/**
 * For work of which only the latest counts: each call aborts the signal of the call before, and returns a new one.
 * @param stopping aborts the latest too, and every one after
 */
export function abortPrevious(stopping: AbortSignal): () => AbortSignal {
  let latest = new AbortController();
  stopping.addEventListener("abort", () => latest.abort(), { once: true });
  return () => {
    latest.abort();
    latest = new AbortController();
    if (stopping.aborted) latest.abort();
    return latest.signal;
  };
}

/** Resolves after a delay, or as soon as the signal aborts: for loops that look at the signal themselves. */
export async function delayOrAbort(timer: Timer, delayMs: number, signal: AbortSignal): Promise<void> {
  try {
    await timer.after(delayMs, signal);
  } catch (cause) {
    if (!signal.aborted) throw cause;
  }
}

export interface Deadline {
  readonly timer: Timer;
  readonly withinMs: number;
  /** What to reject with when the time is up. */
  readonly late: () => Error;
  /** Rejects with the signal's reason when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/** Settles as the work does, unless its time is up or the signal aborts first. The work itself is not stopped. */
export async function withDeadline<T>(work: Promise<T>, { timer, withinMs, late, signal }: Deadline): Promise<T> {
  const over = new AbortController(); // Not AbortSignal.any: the signal may live for as long as the agent.
  const stop = (): void => over.abort(signal?.reason);
  if (signal?.aborted === true) stop();
  signal?.addEventListener("abort", stop);
  const timeUp = timer.after(withinMs, over.signal).then(() => {
    throw late();
  });
  try {
    return await Promise.race([work, timeUp]);
  } finally {
    signal?.removeEventListener("abort", stop);
    over.abort();
    await timeUp.catch(() => undefined); // It has lost the race, or rejected it already.
  }
}
