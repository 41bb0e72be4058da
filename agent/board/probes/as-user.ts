import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

/** By number, as the kernel knows them. */
export interface UserIds {
  readonly uid: number;
  readonly gid: number;
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
