import { pino, stdTimeFunctions, type Logger } from "pino";
import { type LogLevel } from "../contract/logs.ts";
import { redact } from "../contract/safe-text.ts";
import { AgentError } from "./errors.ts";
import { LogRingBuffer } from "./log-ring-buffer.ts";

export type Log = Pick<Logger, "debug" | "info" | "warn" | "error" | "fatal"> & {
  child(bindings: { part: string }): Log;
};

/** Keys whose values are never logged, at any depth of one. */
const secretKeys = [
  "connectionString",
  "sharedAccessKey",
  "SharedAccessKey",
  "sharedAccessSignature",
  "password",
  "uri",
  "url",
];

/** A log whose level can be changed at run time, and whose last lines can be read. */
export interface LeveledLog extends Log {
  readonly recent: LogRingBuffer;
  /** Sets the level of this log and of all its children. */
  setLevel(level: LogLevel): void;
}

/**
 * The agent's log: JSON lines on stdout, written synchronously (a worker thread would lose the last lines before a reboot).
 * @param destination where the lines go; stdout unless given
 */
export function createLog(level: LogLevel, destination?: { write(line: string): void }): LeveledLog {
  const recent = new LogRingBuffer();
  const all: Logger[] = []; // A child of pino keeps the level that it was created with.
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

/** A line for a terminal: the part and the message; the message alone where it names the part. */
export function formatTerminalLine(part: unknown, message: unknown): string {
  const [name, text] = [typeof part === "string" ? part : "", String(message)];
  return name === "" || text.split(" ").includes(name) ? text : `${name} ${text}`;
}

/** An error and its causes, without the secrets of URLs and connection strings. */
function describeError(thrown: unknown): object {
  if (!(thrown instanceof Error)) return { message: redact(String(thrown)) };
  const { name, message, stack, cause } = thrown;
  // An error with a remedy is no fault of the program, so its stack helps nobody.
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

/** The messages of an error and its causes. */
function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause === undefined ? thrown.message : `${thrown.message}: ${reasonOf(thrown.cause)}`;
}
