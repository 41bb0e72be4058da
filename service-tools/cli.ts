#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { hubCommand } from "./commands/hub.ts";
import { imageCommand } from "./commands/image.ts";
import { CommandFailure, exitCodes } from "./exit-codes.ts";
import type { ExitCode } from "./exit-codes.ts";
import { reasonOf } from "./local-hub/log.ts";
import { terminal } from "./output.ts";

/** This program, to be started once more: the hub in the background, the image server beside it. */
const self = { executable: process.execPath, arguments: [...process.execArgv, process.argv[1] ?? ""] };

const boardkeeper = new Command("boardkeeper")
  .description("Reboots and updates boards through Azure IoT Hub, or through a local hub on this machine.")
  .addCommand(hubCommand(terminal, self))
  .addCommand(imageCommand(terminal));

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(exitCodes.ok);
});

throwInsteadOfExiting(boardkeeper);
try {
  await boardkeeper.parseAsync();
} catch (error) {
  process.exitCode = tell(error);
}

/** Says what ended the command, and answers its exit status. */
function tell(error: unknown): ExitCode {
  // commander has said its own already: help, or what is wrong with the command line.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  const expected = error instanceof CommandFailure;
  terminal.note(expected ? error.message : reasonOf(error));
  return expected ? error.exitCode : exitCodes.failed;
}

function throwInsteadOfExiting(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) throwInsteadOfExiting(child);
}
