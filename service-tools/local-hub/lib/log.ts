/** One line of the hub's log. `message` is constant; what varies is in the fields. Never holds a key or a token. */
export interface LogEntry {
  readonly level: "info" | "warn" | "error";
  readonly message: string;
  readonly [field: string]: unknown;
}

export type Log = (entry: LogEntry) => void;

export const silentLog: Log = () => {};

/** The sentence of an error and of all its causes, each once: some repeat their cause's in their own. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const deeper = error.cause === undefined ? "" : describeError(error.cause);
  return error.message.includes(deeper) ? error.message : `${error.message}: ${deeper}`;
}
