import { execFile } from "node:child_process";
import { access, stat } from "node:fs/promises";
import { promisify } from "node:util";
import type { InstallHelperAnswer } from "./facts.ts";
import { errorMessage } from "../../lib/errors.ts";
import { outputAsUser, type UserIds } from "./user.ts";

const run = promisify(execFile);
const timeoutMs = 5_000;
/** The helper is a program for Node.js, which a busy board with a slow SD card takes long to load. */
const helperTimeoutMs = 60_000;

/** True where systemd runs this board: sd_booted(3). */
export async function isSystemdBooted(): Promise<boolean> {
  return await access("/run/systemd/system").then(
    () => true,
    () => false,
  );
}

/** Properties of a unit; undefined where systemd does not run the board, or does not answer. */
export async function unitProperties(
  unit: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, string> | undefined> {
  if (!(await isSystemdBooted())) return undefined;
  try {
    const { stdout } = await run("systemctl", ["show", unit, `--property=${names.join(",")}`], { timeout: timeoutMs });
    const lines = stdout.split("\n").map((line): [string, string] => {
      const at = line.indexOf("=");
      return [line.slice(0, at), line.slice(at + 1)];
    });
    return new Map(lines);
  } catch {
    return undefined; // systemd does not answer: the same as no systemd.
  }
}

/** A unit and its drop-ins, one after the other; undefined where there is none, or systemd does not run or answer. */
export async function unitText(unit: string): Promise<string | undefined> {
  if (!(await isSystemdBooted())) return undefined;
  try {
    return (await run("systemctl", ["cat", unit], { timeout: timeoutMs })).stdout;
  } catch {
    return undefined; // No such unit, or no answer.
  }
}

/** logind's answer to whether a user may reboot: yes, no, challenge or na; null where logind does not answer. */
export async function probeCanReboot(user: UserIds): Promise<string | null> {
  const manager = ["org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"];
  try {
    const output = await outputAsUser(user, ["busctl", "call", ...manager, "CanReboot"], { timeoutMs });
    return /^s "(\w+)"/.exec(output)?.[1] ?? null;
  } catch {
    return null; // No bus, or no logind on it.
  }
}

/** The service that sets the clock; null where none is known. */
export async function findTimeService(): Promise<string | null> {
  const marks = [
    ["/run/systemd/timesync", "systemd-timesyncd"],
    ["/run/chrony", "chrony"],
    ["/run/ntpd.pid", "ntpd"],
    ["/run/ntpsec", "ntpsec"],
  ] as const;
  for (const [path, name] of marks) {
    const isThere = await stat(path).then(
      () => true,
      () => false,
    );
    if (isThere) return name;
  }
  return null;
}

/** Asks the install helper which program it would run, or why none. @param helper the path of its program */
export async function probeInstallHelper(helper: string): Promise<InstallHelperAnswer> {
  try {
    const { stdout } = await run(helper, ["check"], { timeout: helperTimeoutMs });
    return { program: stdout.trim() };
  } catch (cause) {
    const output = cause instanceof Error && "stdout" in cause ? String(cause.stdout).trim() : "";
    if (output !== "") return { refusal: output };
    const why = errorMessage(cause).split("\n")[0];
    return { noAnswer: `${helper} gives no answer (${why})` };
  }
}
