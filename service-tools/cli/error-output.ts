import { isJsonObject, type JsonObject } from "../../agent/contract/json.ts";
import { describeError } from "../local-hub/lib/log.ts";
import { CommandError, HubUnreachable, RefusedByDevice } from "./errors.ts";
import { paintFor, type Screen } from "./screen.ts";

/* How a failed command line is printed: for people on standard error, with `-o json` for programs on standard output. */

/** For people: the message, then the advice, indented. */
export function errorText(cause: unknown, err: Screen): string {
  const advice = cause instanceof CommandError ? cause.advice : undefined;
  const adviceLines = advice === undefined ? "" : `${advice.replaceAll(/^/gm, "  ")}\n`;
  return `${paintFor(err).red("boardkeeper:")} ${messageOf(cause)}\n${adviceLines}`;
}

/** For programs: a single line, because `watch -o json` has written one document per line before it. */
export function errorLine(cause: unknown): string {
  return `${JSON.stringify(errorDocument(cause, messageOf(cause)))}\n`;
}

/** `{"error":{"code","message",…}}`, and beside it what is known of the operation. docs/cli.md lists the codes. */
function errorDocument(cause: unknown, message: string): JsonObject {
  if (!(cause instanceof CommandError)) return { error: { code: "operation-failed", message } };
  // `error` is always the command's; the board's own error goes to `error.cause`.
  const { error: boardError, ...known } = cause.document ?? {};
  return {
    ...known,
    error: {
      code: cause.code,
      message,
      ...(cause.advice === undefined ? {} : { advice: cause.advice }),
      ...(isJsonObject(boardError) ? { cause: boardError } : {}),
      ...(cause instanceof RefusedByDevice ? { status: cause.status, payload: cause.payload } : {}),
      ...(cause instanceof HubUnreachable ? { mayHaveArrived: cause.mayHaveArrived } : {}),
    },
  };
}

function messageOf(cause: unknown): string {
  // A CommandError's message is complete. Other errors keep a part of theirs in their causes.
  if (cause instanceof CommandError) return cause.message;
  const isBug = cause instanceof TypeError || cause instanceof ReferenceError || cause instanceof RangeError;
  return isBug ? `This is a bug, please report it: ${cause.stack ?? cause.message}` : describeError(cause);
}

/** Looks at the plain arguments, because it must also work for a command line that cannot be parsed. */
export function asksForJson(args: readonly string[]): boolean {
  return args.some(
    (one, at) => /^(-o=?|--output=)json$/.test(one) || (/^(-o|--output)$/.test(one) && args[at + 1] === "json"),
  );
}
