import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { kernelBootClock } from "../../board/hardware/boot.ts";
import { systemTimer } from "../../board/hardware/clocks.ts";
import { callMethod } from "../../board/local-api/client.ts";
import { isSystemdBooted, unitProperties } from "../../board/probes/systemd.ts";
import { serviceUnit } from "../../config/paths.ts";
import { sectionAt } from "../../contract/json.ts";
import { errorMessage } from "../../lib/errors.ts";
import { CommandFailed } from "../command-context.ts";
import { readServiceCredential } from "../service-credential.ts";
import type { ReloadPorts } from "./reload-credential.ts";

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

/**
 * What `reload-credential` asks of this board.
 * @param stateDir of the service's agent
 * @param settingsFile see ReloadPorts
 */
export function reloadPorts(stateDir: string, settingsFile: string | null): ReloadPorts {
  return {
    settingsFile,
    clock: kernelBootClock,
    timer: systemTimer,
    readStored: async () => {
      try {
        return await readServiceCredential();
      } catch (cause) {
        throw new CommandFailed(
          `${errorMessage(cause)}. The agent goes on with the connection string that it has. To use this one: sudo systemctl restart ${serviceUnit}`,
          { cause },
        );
      }
    },
    describeAgent: async () => {
      // An agent that stops, starts or hangs does not answer, or its socket is not there: all of these may be asked again.
      const reply = await callMethod(stateDir, "getStatus").catch(() => undefined);
      return reply === undefined ? undefined : sectionAt(reply.payload, "process");
    },
    isServiceUp: async () => {
      const state = (await unitProperties(serviceUnit, ["ActiveState"]))?.get("ActiveState");
      return state !== undefined && state !== "inactive" && state !== "failed";
    },
    restartService: async () => {
      try {
        // An agent that was stopped stays stopped. It may take a while to start, and nobody needs to wait for it.
        await run("systemctl", ["try-restart", "--no-block", serviceUnit], { timeout: systemctlTimeoutMs });
      } catch (cause) {
        throw new CommandFailed(`systemctl try-restart ${serviceUnit} failed: ${errorMessage(cause)}`, { cause });
      }
    },
  };
}

/** How to start an agent on this board. */
export async function startAdvice(): Promise<string> {
  const how = (await isSystemdBooted()) ? "sudo systemctl start boardkeeper-agent" : "boardkeeper-agent run";
  return `Start it with: ${how}`;
}
