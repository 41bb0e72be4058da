/** Lets what must not run at the same time run one after the other, in the order in which it came. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `act` after all that came before has ended. Rejects as it does, and with the signal's reason if that comes first. */
  async take<T>(act: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const before = this.#last;
    const turn = before.then(async () => {
      signal.throwIfAborted();
      return await act();
    });
    this.#last = turn.catch(() => undefined); // Whoever called is told; the next one goes on.
    return await unlessAborted(turn, before, signal);
  }
}

/** Gives up while it waits for its turn; once begun, the work itself says when it has ended. */
async function unlessAborted<T>(turn: Promise<T>, before: Promise<unknown>, signal: AbortSignal): Promise<T> {
  let stop = (): void => undefined;
  const aborted = new Promise<void>((resolve) => (stop = resolve));
  signal.addEventListener("abort", stop);
  try {
    if (!signal.aborted) await Promise.race([before, aborted]);
    signal.throwIfAborted();
  } catch (cause) {
    turn.catch(() => undefined); // It does nothing any more.
    throw cause;
  } finally {
    signal.removeEventListener("abort", stop);
  }
  return await turn;
}
