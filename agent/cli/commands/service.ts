import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { isSystemdBooted } from "../../board/probes/systemd.ts";
import { serviceUnit } from "../../config/paths.ts";
import { CommandFailed } from "./terminal.ts";

const run = promisify(execFile);
/** A service that is ready late is systemd's affair; a systemctl that hangs is ours. */
const patienceMs = 180_000;

/**
 * Starts the service now and at each boot; one that runs is started anew, with what has been changed.
 * @returns false where no systemd is in charge, so that somebody else has to start the agent
 */
export async function startService(): Promise<boolean> {
  if (!(await isSystemdBooted())) return false;
  for (const verb of ["enable", "restart"]) {
    try {
      await run("systemctl", [verb, serviceUnit], { timeout: patienceMs });
    } catch (cause) {
      const said = cause instanceof Error && "stderr" in cause ? String(cause.stderr).trim() : String(cause);
      throw new CommandFailed(
        `The connection string is stored, but systemctl ${verb} ${serviceUnit} failed: ${said}\nLook at: systemctl status ${serviceUnit}`,
        { cause },
      );
    }
  }
  return true;
}

/** How to start an agent on this board. */
export async function startAdvice(): Promise<string> {
  const how = (await isSystemdBooted()) ? "sudo systemctl start boardkeeper-agent" : "boardkeeper-agent run";
  return `Start it with: ${how}`;
}
