import type { Runtime } from "../lib/runtime.ts";
import { AgentError, toFailure } from "../lib/errors.ts";
import type { UpdateDelay } from "./update-snapshot.ts";

const retryMs = 5_000;

export interface RetryPorts extends Pick<Runtime, "log" | "timer"> {
  /** Called with the reason when a step failed and is tried again, and with null when it is over. */
  readonly onRetry: (reason: UpdateDelay | null) => void;
}

/**
 * Runs a step of an update that a passing fault must not end, at most so many times: a commit, a revert, a read of the running
 * version. Rejects with the last error.
 * @param during the phase, for the error's text
 */
export async function retryStep<T>(
  { log, timer, onRetry }: RetryPorts,
  { times, during }: { readonly times: number; readonly during: string },
  act: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await act();
      } catch (cause) {
        if (attempt === times || signal.aborted || isPermanent(cause)) throw cause;
        log.warn({ err: cause, attempt }, "update step failed, trying again");
        const { code, message } = toFailure(cause, during);
        onRetry({ code, message: `${message} Attempt ${attempt} of ${times} failed.` });
        await timer.after(retryMs, signal);
      }
    }
  } finally {
    onRetry(null);
  }
}

/** Whether only the board's owner can remove the cause. */
function isPermanent(cause: unknown): boolean {
  return cause instanceof AgentError && cause.code === "installer-not-allowed";
}
