import { execFile } from "node:child_process";
import { access, stat } from "node:fs/promises";
import { promisify } from "node:util";
import type { InstallHelperAnswer } from "./facts.ts";
import { errorMessage } from "../../lib/errors.ts";
import { outputAsUser, type UserIds } from "./user.ts";

const run = promisify(execFile);
const timeoutMs = 5_000;

/** True where systemd is in charge of this board: sd_booted(3). */
export async function isSystemdBooted(): Promise<boolean> {
  return await access("/run/systemd/system").then(
    () => true,
    () => false,
  );
}

/** What systemd says of a unit; undefined where no systemd is in charge, or it does not answer. */
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
    return undefined; // Too sick to ask: as good as none.
  }
}

/** What logind says to a user who asks whether he may reboot: yes, no, challenge or na; null where nobody answers. */
export async function probeCanReboot(user: UserIds): Promise<string | null> {
  const manager = ["org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"];
  try {
    const said = await outputAsUser(user, ["busctl", "call", ...manager, "CanReboot"], { timeoutMs });
    return /^s "(\w+)"/.exec(said)?.[1] ?? null;
  } catch {
    return null; // No bus, or no logind on it.
  }
}

/** What is there to set the clock: null where nothing is known to. */
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

/** Which program root's install door would run, or why none, in its own words. */
export async function probeInstallHelper(door: string): Promise<InstallHelperAnswer> {
  try {
    const { stdout } = await run(door, ["check"], { timeout: timeoutMs });
    return { program: stdout.trim() };
  } catch (cause) {
    const said = cause instanceof Error && "stdout" in cause ? String(cause.stdout).trim() : "";
    if (said !== "") return { refusal: said };
    const why = errorMessage(cause).split("\n")[0];
    return { noAnswer: `${door} gives no answer (${why})` };
  }
}
