import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cp } from "node:fs/promises";
import { basename, join } from "node:path";
import { text } from "node:stream/consumers";
import { asStranger } from "./needs.ts";
import { temporaryFolder } from "./temporary-folder.ts";

export interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** A command of `boardkeeper-agent` as it ships, in a process of its own, to its end. */
export async function agentCommand(
  args: readonly string[],
  {
    env = {},
    before = [],
    agent = [process.execPath, "dist/boardkeeper-agent.mjs"],
  }: { env?: Record<string, string>; before?: readonly string[]; agent?: readonly string[] | undefined } = {},
): Promise<Ended> {
  return await ended([...before, ...agent, ...args], env);
}

/** The agent's command where any user can read it. The clone, or Node.js, may lie in a folder that only its owner can enter. */
export async function agentForAllUsers(): Promise<readonly string[]> {
  const folder = await temporaryFolder();
  const copied = async (file: string): Promise<string> => {
    const copy = join(folder, basename(file));
    await cp(file, copy, { recursive: true });
    return copy;
  };
  const program = await copied("dist/boardkeeper-agent.mjs");
  await copied("dist/boardkeeper-agent.cjs");
  await copied("dist/agent");
  const runs = spawnSync(asStranger[0], [...asStranger.slice(1), process.execPath, "--version"]).status === 0;
  const node = runs ? process.execPath : await copied(process.execPath);
  await ended(["chmod", "-R", "a+rX", folder]);
  return [node, program];
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
