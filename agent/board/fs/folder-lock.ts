import { createServer, type Server } from "node:net";
import { stat } from "node:fs/promises";
import type { Timer } from "../../lib/clock.ts";
import { makeFolder } from "./files.ts";

/** Another agent works in the same state folder. */
export class FolderInUse extends Error {
  constructor(folder: string) {
    super(`Another agent is running on ${folder}. Stop it first, or give this one a state folder of its own.`);
    this.name = "FolderInUse";
  }
}

/**
 * Takes a folder for this process alone, until it ends in whatever way: a socket in Linux's abstract namespace, named
 * after the folder itself. The kernel lets one process have it and takes it back by itself, so no stale lock can keep a
 * board from starting.
 */
export async function lockFolder(folder: string): Promise<Server> {
  await makeFolder(folder);
  const { dev, ino } = await stat(folder);
  const server = createServer((socket) => socket.destroy());
  return await new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      reject(cause.code === "EADDRINUSE" ? new FolderInUse(folder) : cause);
    });
    server.listen(`\0boardkeeper-agent:${dev}:${ino}`, () => {
      server.unref();
      resolve(server);
    });
  });
}

/** How long an agent that has the name may take to open its door: it reads its state first, and a disk may be slow. */
const agentStartMs = 30_000;
const retryEveryMs = 1_000;

/**
 * Takes a folder as lockFolder does, for a service that systemd runs once and that nobody else may keep from starting: anybody
 * on a board may take any name of the abstract namespace, but only an agent of this folder opens the folder's door.
 * @param isAgentThere whether somebody is behind that door
 * @returns undefined where a stranger has the name: there is no lock then, and no agent either
 */
export async function lockFolderAsService(
  folder: string,
  isAgentThere: () => Promise<boolean>,
  timer: Timer,
): Promise<Server | undefined> {
  for (let waitedMs = 0; ; waitedMs += retryEveryMs) {
    try {
      return await lockFolder(folder);
    } catch (cause) {
      if (!(cause instanceof FolderInUse) || (await isAgentThere())) throw cause;
      if (waitedMs >= agentStartMs) return undefined;
    }
    await timer.after(retryEveryMs);
  }
}
