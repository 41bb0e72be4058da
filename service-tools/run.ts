import { CommanderError } from "commander";
import { isJsonObject, type JsonObject } from "../agent/contract/json.ts";
import { CommandError, HubUnreachable, RefusedByDevice, UsageError } from "./cli/errors.ts";
import { exitCodes, type ExitCode } from "./cli/exit-codes.ts";
import { paintFor } from "./cli/screen.ts";
import type { Context } from "./context.ts";
import { describeError } from "./local-hub/lib/log.ts";
import { buildProgram } from "./program.ts";

/** Runs one command line, prints its error if there is one, and returns the exit code. Does not throw. */
export async function runCommandLine(args: readonly string[], context: Context): Promise<ExitCode> {
  const program = buildProgram(context, runCommandLine);
  try {
    if (args.length === 0) program.outputHelp();
    else await program.parseAsync(args, { from: "user" });
    return exitCodes.ok;
  } catch (cause) {
    if (cause instanceof CommanderError) {
      if (cause.exitCode === 0) return exitCodes.ok; // Commander throws after --help and --version, too.
      // Commander has already printed the text for people.
      if (asksForJson(args)) context.out.write(errorLine(new UsageError(usageMessage(cause))));
      return exitCodes.usage;
    }
    context.err.write(errorText(cause, context));
    if (asksForJson(args)) context.out.write(errorLine(cause));
    return cause instanceof CommandError ? cause.exitCode : exitCodes.failed;
  }
}

function usageMessage({ code, message }: CommanderError): string {
  return code === "commander.help" ? "A command is missing." : message.replace(/^error: /, "");
}

/** For people: the message, then the advice, indented. */
function errorText(cause: unknown, { err }: Context): string {
  const advice = cause instanceof CommandError ? cause.advice : undefined;
  const adviceLines = advice === undefined ? "" : `${advice.replaceAll(/^/gm, "  ")}\n`;
  return `${paintFor(err).red("boardkeeper:")} ${messageOf(cause)}\n${adviceLines}`;
}

/** For programs: a single line, because `watch -o json` has written one document per line before it. */
function errorLine(cause: unknown): string {
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
function asksForJson(args: readonly string[]): boolean {
  return args.some(
    (one, at) => /^(-o=?|--output=)json$/.test(one) || (/^(-o|--output)$/.test(one) && args[at + 1] === "json"),
  );
}
