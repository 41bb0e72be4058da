import { text } from "node:stream/consumers";
import { once } from "node:events";
import { execFile, spawn } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** User and group by number. */
export interface UserIds {
  readonly uid: number;
  readonly gid: number;
}

export interface User extends UserIds {
  readonly name: string;
}

/** The user of this process. */
export function currentUser(): User {
  const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  return { name: uid === 0 ? "root" : `the user ${uid}`, uid, gid };
}

/** A user by name; undefined where there is none. */
export async function findUser(name: string): Promise<User | undefined> {
  try {
    const [uid, gid] = await Promise.all(
      ["-u", "-g"].map(async (what) => Number((await run("id", [what, name])).stdout)),
    );
    return uid === undefined || gid === undefined ? undefined : { name, uid, gid };
  } catch {
    return undefined; // `id` fails for an unknown user.
  }
}

export interface RunAsUserOptions {
  /** The whole environment; this process's own unless given. */
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
}

/**
 * Runs a program as a user, and resolves with its standard output. In a session of its own and without standard input: that user
 * may control the process (ptrace), and with root's terminal it could type commands as root (TIOCSTI). Rejects where the program
 * cannot be started, takes too long or fails; the message ends with its standard error.
 */
export async function outputAsUser(
  { uid, gid }: UserIds,
  [program = "", ...args]: readonly string[],
  { env, timeoutMs }: RunAsUserOptions,
): Promise<string> {
  const ids = process.geteuid?.() === 0 ? { uid, gid } : {};
  const child = spawn(program, args, {
    ...ids,
    ...(env === undefined ? {} : { env }),
    cwd: "/",
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  const [output, errors, [status, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"), // Rejects where it cannot be started.
  ]);
  if (status === 0) return output;
  throw new Error(`${program} ended with ${String(signal ?? status)}: ${errors.trim().slice(-500)}`);
}
