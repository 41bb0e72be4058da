import { join } from "node:path";
import { acquireLock, lockHolderPid, type Lock } from "./lock.ts";

/* Who has a hub's folder. Apart from the hub itself: whoever only asks need not load a broker. */

const LOCK_FILE = "hub.lock";

/** Another hub runs in this folder. */
export class HubAlreadyRunning extends Error {
  constructor(folder: string, pid: number) {
    super(
      `A local hub (process ${pid}) is already running in ${folder}. ` +
        `Use that one, stop it with: boardkeeper hub stop --folder ${folder}, or give the new hub another --folder.`,
    );
    this.name = "HubAlreadyRunning";
  }
}

/** Takes the folder for a hub of this process alone; rejects with HubAlreadyRunning where another one has it. */
export async function lockHubFolder(folder: string): Promise<Lock> {
  const lock = await acquireLock(join(folder, LOCK_FILE));
  if ("heldBy" in lock) throw new HubAlreadyRunning(folder, lock.heldBy);
  return lock;
}

/** The process id of the hub that runs in this folder, or undefined. */
export async function runningHubPid(folder: string): Promise<number | undefined> {
  return lockHolderPid(join(folder, LOCK_FILE));
}
