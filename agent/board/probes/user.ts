import { text } from "node:stream/consumers";
import { once } from "node:events";
import { execFile, spawn } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** By number, as the kernel knows them. */
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

/** A user by name; undefined where the board has none of that name. */
export async function findUser(name: string): Promise<User | undefined> {
  try {
    const [uid, gid] = await Promise.all(
      ["-u", "-g"].map(async (what) => Number((await run("id", [what, name])).stdout)),
    );
    return uid === undefined || gid === undefined ? undefined : { name, uid, gid };
  } catch {
    return undefined; // `id` says so with its status.
  }
}

export interface RunAsUserOptions {
  /** All of its environment; this process's own unless given. */
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
}

/**
 * Runs a program with the rights of a user, to its end, and resolves with what it has printed. In a session of its own, and
 * without an input: whoever is that user may steer the process (ptrace), and one that kept root's terminal could type commands
 * into it (TIOCSTI). Rejects where the program cannot be started, takes too long or ends badly; the message holds its last words.
 */
export async function outputAsUser(
  { uid, gid }: UserIds,
  [program = "", ...args]: readonly string[],
  { env, timeoutMs }: RunAsUserOptions,
): Promise<string> {
  const rights = process.geteuid?.() === 0 ? { uid, gid } : {};
  const child = spawn(program, args, {
    ...rights,
    ...(env === undefined ? {} : { env }),
    cwd: "/",
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  const [out, words, [status, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"), // Rejects with what kept it from being started.
  ]);
  if (status === 0) return out;
  throw new Error(`${program} ended with ${String(signal ?? status)}: ${words.trim().slice(-500)}`);
}
