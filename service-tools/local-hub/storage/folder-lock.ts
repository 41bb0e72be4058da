import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { link, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import * as v from "valibot";
import { PRIVATE_FILE } from "./atomic-file.ts";
import { readIfPresent } from "./read-state.ts";

/* Why this lock is our own: docs/decisions/015-the-lock-of-the-local-hub.md */

const HUB_LOCK_FILE = "hub.lock";

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

/** Locks the folder for the hub of this process; rejects with HubAlreadyRunning when another hub runs there. */
export async function lockHubFolder(folder: string): Promise<Lock> {
  const lock = await acquireLock(join(folder, HUB_LOCK_FILE));
  if ("heldBy" in lock) throw new HubAlreadyRunning(folder, lock.heldBy);
  return lock;
}

/** The process id of the hub that runs in this folder, or undefined. */
export async function runningHubPid(folder: string): Promise<number | undefined> {
  return lockHolderPid(join(folder, HUB_LOCK_FILE));
}

/**
 * Who holds a lock file. A process id alone is not enough: after a reboot the same number may be another process. So the
 * kernel's start time of the process is stored with it (on Linux; elsewhere it is empty and the number has to do).
 */
interface Holder {
  readonly pid: number;
  readonly startedAt: string;
}

const holderSchema = v.object({ pid: v.number(), startedAt: v.string() });

/** The wait while another process removes a stale lock: that takes a few file operations. */
const RETRY_MS = 5;

export interface Lock {
  release(): Promise<void>;
}

/** Takes the lock file, or returns the process id of the living holder. The file of a dead holder is taken over. */
export async function acquireLock(path: string): Promise<Lock | { readonly heldBy: number }> {
  for (;;) {
    const mine = JSON.stringify({ pid: process.pid, startedAt: processStart(process.pid) ?? "" });
    if (await createExclusively(path, mine)) return { release: () => rm(path, { force: true }) };
    const text = await readIfPresent(path);
    const holder = text === undefined ? undefined : parseHolder(text);
    if (holder !== undefined && isAlive(holder)) return { heldBy: holder.pid };
    if (text !== undefined) await removeStale(path, text);
  }
}

/** The process id of the living holder, or undefined. */
export async function lockHolderPid(path: string): Promise<number | undefined> {
  const text = await readIfPresent(path);
  const holder = text === undefined ? undefined : parseHolder(text);
  return holder !== undefined && isAlive(holder) ? holder.pid : undefined;
}

async function createExclusively(path: string, text: string): Promise<boolean> {
  // Linked into place when complete, so that nobody ever reads half a holder.
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  const file = await open(temporary, "wx", PRIVATE_FILE);
  try {
    await file.writeFile(text);
    await link(temporary, path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  } finally {
    await file.close();
    await rm(temporary, { force: true });
  }
}

/**
 * Removes a stale lock. Two processes may find the same one; the slower must not remove the lock that the faster has made
 * meanwhile. So whoever removes it holds a second lock and reads the file again. (The second lock is stale only after a
 * crash at this very moment, and is taken over in the same way.)
 */
async function removeStale(path: string, staleText: string): Promise<void> {
  const turn = await acquireLock(`${path}.takeover`);
  if ("heldBy" in turn) {
    await wait(RETRY_MS);
    return;
  }
  if ((await readIfPresent(path)) === staleText) await rm(path, { force: true });
  await turn.release();
}

function parseHolder(text: string): Holder | undefined {
  try {
    const checked = v.safeParse(holderSchema, JSON.parse(text));
    return checked.success ? checked.output : undefined;
  } catch {
    return undefined;
  }
}

function isAlive({ pid, startedAt }: Holder): boolean {
  if (startedAt !== "") return processStart(pid) === startedAt;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** When the kernel started a process: boot id and clock ticks since boot (proc(5), field 22 of stat), or undefined. */
function processStart(pid: number): string | undefined {
  try {
    const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in field 2 may hold spaces and parentheses: count from its closing one.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" ? undefined : `${bootId} ${fields[18]}`;
  } catch {
    return undefined;
  }
}
