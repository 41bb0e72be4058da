import type { Arguments } from "../arguments.ts";
import { lookAtConfig, type ConfigLook } from "../../config/load.ts";
import type { Surroundings } from "../../config/launch-options.ts";
import { CommandFailed, type Terminal } from "./terminal.ts";

/** Which agent a command line means, out of what is written: mistakes elsewhere in it are no reason not to look. */
export async function lookAt(
  given: Arguments,
  { env }: Pick<Terminal, "env">,
): Promise<ConfigLook & { readonly stateDir: string }> {
  const { simulate, configFile, stateDir, deviceId, moduleId } = given;
  const around: Surroundings = { env, simulate, configFile, stateDir, deviceId, moduleId };
  const look = await lookAtConfig(around);
  const problems = [...look.problems, ...look.identityProblems];
  if (look.stateDir === undefined) throw new CommandFailed(`Which agent is meant? ${problems.join("; ")}.`);
  return { ...look, stateDir: look.stateDir };
}
