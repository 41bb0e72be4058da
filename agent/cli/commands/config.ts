import type { Arguments } from "../arguments.ts";
import { inspectConfig, type InspectedConfig } from "../../config/load.ts";
import type { LaunchOptions } from "../../config/launch-options.ts";
import { CommandFailed, type Terminal } from "./terminal.ts";

/** Which agent a command line means, out of what is written: mistakes elsewhere in it are no reason not to look. */
export async function inspectTargetConfig(
  given: Arguments,
  { env }: Pick<Terminal, "env">,
): Promise<InspectedConfig & { readonly stateDir: string }> {
  const { simulate, configFile, stateDir, deviceId, moduleId } = given;
  const around: LaunchOptions = { env, simulate, configFile, stateDir, deviceId, moduleId };
  const look = await inspectConfig(around);
  const problems = [...look.problems, ...look.connectionStringProblems];
  if (look.stateDir === undefined) throw new CommandFailed(`Which agent is meant? ${problems.join("; ")}.`);
  return { ...look, stateDir: look.stateDir };
}
