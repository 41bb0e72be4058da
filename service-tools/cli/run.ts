import { CommanderError } from "commander";
import { asksForJson, errorDocument } from "./error-document.ts";
import { CommandError, UsageError } from "./errors.ts";
import { exitCodes } from "./exit-codes.ts";
import type { ExitCode } from "./exit-codes.ts";
import { describeError } from "../local-hub/lib/log.ts";
import { buildProgram } from "../program.ts";
import { paintFor } from "./screen/screen.ts";
import type { World } from "./context.ts";

/** Runs one command line, says what went wrong if something did, and answers what to exit with. */
export async function run(args: readonly string[], world: World): Promise<ExitCode> {
  const program = buildProgram(world, run);
  try {
    if (args.length === 0) program.outputHelp();
    else await program.parseAsync(args, { from: "user" });
    return exitCodes.ok;
  } catch (cause) {
    if (cause instanceof CommanderError) {
      if (cause.exitCode === 0) return exitCodes.ok; // Help and version are no errors.
      // Commander has said it already, to people.
      if (asksForJson(args)) world.out.write(documentOf(new UsageError(usageMessage(cause))));
      return exitCodes.usage;
    }
    world.err.write(errorText(cause, world));
    if (asksForJson(args)) world.out.write(documentOf(cause));
    return cause instanceof CommandError ? cause.exitCode : exitCodes.failed;
  }
}

/** On one line, as it may come after documents that have a line each. */
function documentOf(cause: unknown): string {
  return `${JSON.stringify(errorDocument(cause, messageOf(cause)))}\n`;
}

function usageMessage({ code, message }: CommanderError): string {
  return code === "commander.help" ? "A command is missing." : message.replace(/^error: /, "");
}

function errorText(cause: unknown, { err }: World): string {
  const advice = cause instanceof CommandError ? cause.advice : undefined;
  const more = advice === undefined ? "" : `${advice.replaceAll(/^/gm, "  ")}\n`;
  return `${paintFor(err).red("boardkeeper:")} ${messageOf(cause)}\n${more}`;
}

function messageOf(cause: unknown): string {
  // The messages of ours are whole; others keep a part of theirs in their causes.
  if (cause instanceof CommandError) return cause.message;
  const isFault = cause instanceof TypeError || cause instanceof ReferenceError || cause instanceof RangeError;
  return isFault ? `a fault of this program, please report it: ${cause.stack ?? cause.message}` : describeError(cause);
}
