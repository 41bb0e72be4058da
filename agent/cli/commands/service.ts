import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { isSystemdBooted } from "../../board/probes/systemd.ts";
import { serviceUnit } from "../../config/paths.ts";
import { CommandFailed } from "../command-context.ts";

const run = promisify(execFile);
/** The unit has its own start timeout; this one is for a systemctl that hangs. */
const systemctlTimeoutMs = 180_000;

/**
 * Enables the service and starts it, or restarts it where it runs, so that it reads what has changed.
 * @returns false where systemd does not run, so that the agent must be started in another way
 */
export async function startService(): Promise<boolean> {
  if (!(await isSystemdBooted())) return false;
  for (const verb of ["enable", "restart"]) {
    try {
      await run("systemctl", [verb, serviceUnit], { timeout: systemctlTimeoutMs });
    } catch (cause) {
      const output = cause instanceof Error && "stderr" in cause ? String(cause.stderr).trim() : String(cause);
      throw new CommandFailed(
        `The connection string is stored, but systemctl ${verb} ${serviceUnit} failed: ${output}\nSee why: systemctl status ${serviceUnit}`,
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
