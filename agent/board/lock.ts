import { createServer, type Server } from "node:net";
import { stat } from "node:fs/promises";
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
