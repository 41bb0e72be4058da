import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Power } from "../reboot/runner.ts";

const run = promisify(execFile);
const orderTimeoutMs = 30_000;

/** Reboots the board through systemd, which stops every service first, this one included. */
export function systemdPower(command: readonly string[]): Power {
  const [program = "", ...args] = command;
  return {
    async reboot(): Promise<void> {
      try {
        await run(program, args, { timeout: orderTimeoutMs });
      } catch (cause) {
        const said = cause instanceof Error && "stderr" in cause ? String(cause.stderr).trim() : "";
        throw new Error(`${command.join(" ")} failed${said === "" ? "" : `: ${said}`}`, { cause });
      }
    },
  };
}
