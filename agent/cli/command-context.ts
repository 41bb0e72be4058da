import { inspectConfig, type InspectedConfig } from "../config/load.ts";
import type { ServiceCredential } from "../config/launch-options.ts";
import type { Arguments } from "./arguments.ts";

/* What every command has: where it is typed, which agent is meant, and how it fails. */

/** Where a command is typed: what it may read and write. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Prints a result, on standard output. */
  out(text: string): void;
  /** Prints everything else, on standard error. */
  note(text: string): void;
  /** Asks for one line without showing it; reads all of standard input where that is no terminal. */
  readSecret(prompt: string): Promise<string>;
  /** Reads all of standard input. */
  readInput(): Promise<string>;
  /** Asks for one line; undefined where nobody can be asked, because standard input is no terminal. */
  ask(question: string): Promise<string | undefined>;
}

/** A command failed for a reason that its user can do something about. The message says what. */
export class CommandFailed extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CommandFailed";
  }
}

export type TargetConfig = InspectedConfig & { readonly stateDir: string };

/**
 * The configuration of the agent that a command line means. Its mistakes do not matter here, as long as it names a state folder.
 * @param serviceCredential what systemd would pass to the agent, where the service's agent is meant
 * @throws CommandFailed where it names none
 */
export async function inspectTargetConfig(
  args: Arguments,
  { env }: Pick<Terminal, "env">,
  serviceCredential?: ServiceCredential,
): Promise<TargetConfig> {
  const { simulate, configFile, stateDir, deviceId, moduleId } = args;
  const config = await inspectConfig({ env, simulate, configFile, stateDir, deviceId, moduleId, serviceCredential });
  const problems = [...config.problems, ...config.connectionStringProblems];
  if (config.stateDir === undefined)
    throw new CommandFailed(`It is not clear which agent is meant: ${problems.join("; ")}.`);
  return { ...config, stateDir: config.stateDir };
}
