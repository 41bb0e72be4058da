import { pino, stdTimeFunctions, type Logger } from "pino";
import { type LogLevel } from "../contract/logs.ts";
import { redact } from "../contract/safe-text.ts";
import { AgentError } from "./errors.ts";
import { LogRingBuffer } from "./log-ring-buffer.ts";

export type Log = Pick<Logger, "debug" | "info" | "warn" | "error" | "fatal"> & {
  child(bindings: { part: string }): Log;
};

/** Keys whose values never reach a log line, wherever they stand. */
const secretKeys = [
  "connectionString",
  "sharedAccessKey",
  "SharedAccessKey",
  "sharedAccessSignature",
  "password",
  "uri",
  "url",
];

/** A log whose level can be changed while it is written, and whose last lines can be read. */
export interface LeveledLog extends Log {
  readonly recent: LogRingBuffer;
  /** Sets the level of this log and of all that were made from it. */
  setLevel(level: LogLevel): void;
}

/**
 * The agent's log: JSON lines on stdout, written at once (a worker would lose the last lines before a reboot).
 * @param destination where the lines go; stdout unless told
 */
export function createLog(level: LogLevel, destination?: { write(line: string): void }): LeveledLog {
  const recent = new LogRingBuffer();
  const all: Logger[] = []; // A child of pino's keeps the level that it was made with; there is one for each part.
  const options = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: describeError },
    redact: { paths: secretKeys.flatMap((key) => [key, `*.${key}`]), censor: "[secret]" },
    hooks: {
      streamWrite: (line: string) => {
        recent.append(line);
        return line;
      },
    },
    onChild: (child: Logger) => void all.push(child),
  };
  const root = destination === undefined ? pino(options) : pino(options, destination);
  all.push(root);
  return Object.assign(root, {
    recent,
    setLevel: (next: LogLevel): void => {
      for (const one of all) one.level = next;
    },
  });
}

/** A line for a person at a terminal: which part speaks, unless the message says so itself. */
export function formatTerminalLine(part: unknown, message: unknown): string {
  const [who, what] = [typeof part === "string" ? part : "", String(message)];
  return who === "" || what.split(" ").includes(who) ? what : `${who} ${what}`;
}

/** An error and its causes without anything that a URL or a connection string may carry. */
function describeError(thrown: unknown): object {
  if (!(thrown instanceof Error)) return { message: redact(String(thrown)) };
  const { name, message, stack, cause } = thrown;
  // One with a remedy is no fault of the program: where in it that was noticed tells nobody anything.
  if (thrown instanceof AgentError) {
    const reasons = cause === undefined ? {} : { cause: redact(reasonOf(cause)) };
    return { type: name, code: thrown.code, message: redact(message), ...reasons };
  }
  const code = "code" in thrown ? { code: String(thrown.code) } : {};
  return {
    type: name,
    message: redact(message),
    ...code,
    stack: redact(stack ?? ""),
    ...(cause === undefined ? {} : { cause: describeError(cause) }),
  };
}

/** The sentences of an error and its causes. */
function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause === undefined ? thrown.message : `${thrown.message}: ${reasonOf(thrown.cause)}`;
}
