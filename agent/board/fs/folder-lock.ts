import { createServer, type Server } from "node:net";
import { stat } from "node:fs/promises";
import type { Timer } from "../../lib/clock.ts";
import { makeFolder } from "./files.ts";

/** Another agent uses the same state folder. */
export class FolderInUse extends Error {
  constructor(folder: string) {
    super(`Another agent is running on ${folder}. Stop it first, or give this one a state folder of its own.`);
    this.name = "FolderInUse";
  }
}

/**
 * Locks a folder until this process ends, in whatever way: a socket in Linux's abstract namespace, named after the folder's
 * device and inode. The kernel gives it to one process and releases it by itself, so there are no stale locks.
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

/** How long an agent that holds the lock may take to open its local API: it reads its state first, and a disk may be slow. */
const agentStartMs = 30_000;
const retryEveryMs = 1_000;

/**
 * Locks a folder like lockFolder, for the systemd service, which no other user may keep from starting: any user can bind any
 * name of the abstract namespace, but only an agent of this folder serves the folder's local API.
 * @param isAgentRunning whether an agent answers at that local API
 * @returns undefined where another program holds the name: then there is no lock, and no agent either
 */
export async function lockFolderAsService(
  folder: string,
  isAgentRunning: () => Promise<boolean>,
  timer: Timer,
): Promise<Server | undefined> {
  for (let waitedMs = 0; ; waitedMs += retryEveryMs) {
    try {
      return await lockFolder(folder);
    } catch (cause) {
      if (!(cause instanceof FolderInUse) || (await isAgentRunning())) throw cause;
      if (waitedMs >= agentStartMs) return undefined;
    }
    await timer.after(retryEveryMs);
  }
}
