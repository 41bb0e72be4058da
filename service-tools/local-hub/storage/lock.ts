import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { link, open, rm } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import * as v from "valibot";
import { PRIVATE_FILE } from "./atomic-file.ts";
import { readIfPresent } from "./read-state.ts";

/**
 * Who holds a lock file. A process id alone is not enough: after a crash and a reboot the same number may be somebody else,
 * so the kernel's start time of the process goes with it (Linux; elsewhere it is empty and the number has to do).
 */
interface Holder {
  readonly pid: number;
  readonly startedAt: string;
}

const holderSchema = v.object({ pid: v.number(), startedAt: v.string() });

/** Somebody else takes a stale lock away: a matter of a few file operations. */
const LOOK_AGAIN_MS = 5;

export interface Lock {
  release(): Promise<void>;
}

/** Takes the lock file, or answers the process id of the living holder. A dead holder's file is taken over. */
export async function acquireLock(path: string): Promise<Lock | { readonly heldBy: number }> {
  for (;;) {
    const mine = JSON.stringify({ pid: process.pid, startedAt: startOf(process.pid) ?? "" });
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
 * Two may find the same stale lock; the slower one must not remove the lock that the faster one has made meanwhile. So whoever removes
 * one holds another lock, for as long as it takes to look again. (That one is stale only after a crash in this very moment,
 * and is taken over in the same way.)
 */
async function removeStale(path: string, staleText: string): Promise<void> {
  const turn = await acquireLock(`${path}.takeover`);
  if ("heldBy" in turn) {
    await wait(LOOK_AGAIN_MS);
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
  if (startedAt !== "") return startOf(pid) === startedAt;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** When the kernel started a process: boot id and clock ticks since boot (proc(5), field 22 of stat), or undefined. */
function startOf(pid: number): string | undefined {
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
