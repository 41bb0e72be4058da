import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

export interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** A command of `boardkeeper-agent` as it ships, in a process of its own, to its end. */
export async function agentCommand(
  args: readonly string[],
  { env = {}, before = [] }: { env?: Record<string, string>; before?: readonly string[] } = {},
): Promise<Ended> {
  return await ended([...before, process.execPath, "dist/boardkeeper-agent.mjs", ...args], env);
}

/** Any program, to its end. */
export async function ended(
  [program = "", ...args]: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const child = spawn(program, args, {
    env: { PATH: process.env["PATH"], HOME: "/nonexistent", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { status: typeof status === "number" ? status : null, out, err };
}
