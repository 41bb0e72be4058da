/** One line of the hub's log. `message` is constant; what varies is in the fields. Never holds a key or a token. */
export interface LogEntry {
  readonly level: "info" | "warn" | "error";
  readonly message: string;
  readonly [field: string]: unknown;
}

export type Log = (entry: LogEntry) => void;

export const silentLog: Log = () => {};

/** The message of an error and of its causes. A cause's message that the error already repeats is left out. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : describeError(error.cause);
  return error.message.includes(cause) ? error.message : `${error.message}: ${cause}`;
}
