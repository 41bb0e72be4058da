import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { RebootPort } from "../../reboot/runner.ts";

const run = promisify(execFile);
const timeoutMs = 30_000;

/** Reboots the board with the owner's command, for boards without the reboot helper. */
export function commandReboot(command: readonly string[]): RebootPort["reboot"] {
  const [program = "", ...args] = command;
  return async () => {
    try {
      await run(program, args, { timeout: timeoutMs });
    } catch (cause) {
      const errors = cause instanceof Error && "stderr" in cause ? String(cause.stderr).trim() : "";
      throw new Error(`${command.join(" ")} failed${errors === "" ? "" : `: ${errors}`}`, { cause });
    }
  };
}
