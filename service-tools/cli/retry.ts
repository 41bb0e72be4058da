import { HubBusy, HubUnreachable, TimedOut } from "./errors.ts";
import type { Screen } from "./screen.ts";
import { pause, type Timer } from "./timer.ts";

/** An error after which the same read may succeed a little later. */
type TransientError = HubUnreachable | HubBusy | TimedOut;

export type PollResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: TransientError };

export interface PollOptions {
  readonly intervalMs: number;
  /** The last read is at this time after the first one. Without it, only the caller ends the polling. */
  readonly limitMs?: number;
  readonly timer: Timer;
  readonly interrupted: AbortSignal;
}

/**
 * Reads again and again, and yields each result or transient error. Only for reads: whatever changes something is sent once.
 * @throws an error that waiting does not remove; Interrupted after Ctrl-C
 */
export async function* poll<T>(
  read: () => Promise<T>,
  { intervalMs, limitMs = Number.POSITIVE_INFINITY, timer, interrupted }: PollOptions,
): AsyncGenerator<PollResult<T>, void> {
  const untilMs = timer.nowMs() + limitMs;
  for (;;) {
    yield await attempt(read);
    const leftMs = untilMs - timer.nowMs();
    if (leftMs <= 0) return;
    await pause(Math.min(intervalMs, leftMs), timer, interrupted);
  }
}

/** Long enough for a hub that restarts. */
const retryLimitMs = 15_000;

/**
 * Reads once, or until the first success if the hub is unreachable or busy, for at most 15 s.
 * @throws the last error; Interrupted after Ctrl-C
 */
export async function retryRead<T>(
  read: () => Promise<T>,
  { err, ...options }: Omit<PollOptions, "limitMs"> & { readonly err: Screen },
): Promise<T> {
  let lastError: TransientError | undefined;
  for await (const result of poll(read, { ...options, limitMs: retryLimitMs })) {
    if (result.ok) return result.value;
    if (lastError === undefined) err.write(`${result.error.message} Trying again for ${retryLimitMs / 1_000} s.\n`);
    lastError = result.error;
  }
  throw lastError ?? new TimedOut("The hub was not asked.");
}

async function attempt<T>(read: () => Promise<T>): Promise<PollResult<T>> {
  try {
    return { ok: true, value: await read() };
  } catch (cause) {
    if (cause instanceof HubUnreachable || cause instanceof HubBusy || cause instanceof TimedOut) {
      return { ok: false, error: cause };
    }
    throw cause;
  }
}
