import { Interrupted } from "./errors.ts";
import { exitCodes } from "./exit-codes.ts";

/**
 * Aborts at the first Ctrl-C (SIGINT), SIGTERM or SIGHUP, with the error for the command to end with. The second one exits
 * the process at once. From this call on, the signals no longer end the process by themselves.
 */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(exitCodes.interrupted);
      controller.abort(new Interrupted("Interrupted."));
    });
  }
  return controller.signal;
}

/** For the servers: resolves at the first of these signals. A second one finds no listener and ends the process. */
export async function stopSignal(signals: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM"]): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      for (const signal of signals) process.off(signal, stop);
      resolve();
    };
    for (const signal of signals) process.on(signal, stop);
  });
}
