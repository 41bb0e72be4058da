/** Resolves at the first SIGINT or SIGTERM. A second one finds nobody listening and ends the process at once. */
export async function stopSignal(signals: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM"]): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      for (const signal of signals) process.off(signal, stop);
      resolve();
    };
    for (const signal of signals) process.on(signal, stop);
  });
}
