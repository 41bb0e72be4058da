import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { errorMessage } from "../../lib/errors.ts";
import type { InstallHelperAnswer } from "../../cli/doctor/installer.ts";

const run = promisify(execFile);
const timeoutMs = 5_000;

/** Which program root's install door would run, or why none, in its own words. */
export async function probeInstallHelper(door: string): Promise<InstallHelperAnswer> {
  try {
    const { stdout } = await run(door, ["check"], { timeout: timeoutMs });
    return { program: stdout.trim() };
  } catch (cause) {
    const said = cause instanceof Error && "stdout" in cause ? String(cause.stdout).trim() : "";
    if (said !== "") return { refusal: said };
    const why = errorMessage(cause).split("\n")[0];
    return { silence: `${door} gives no answer (${why})` };
  }
}
