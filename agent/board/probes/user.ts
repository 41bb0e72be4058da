import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** All of them. */
  readonly groups: readonly number[];
}

/** The user of this process. */
export function ownUser(): User {
  const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  return { name: uid === 0 ? "root" : `the user ${uid}`, uid, gid, groups: process.getgroups?.() ?? [] };
}

/** A user by name; undefined where the board has none of that name. */
export async function userNamed(name: string): Promise<User | undefined> {
  try {
    const [[uid], [gid], groups] = await Promise.all([ids("-u", name), ids("-g", name), ids("-G", name)]);
    return uid === undefined || gid === undefined ? undefined : { name, uid, gid, groups };
  } catch {
    return undefined; // `id` says so with its status.
  }
}

async function ids(what: string, name: string): Promise<number[]> {
  const { stdout } = await run("id", [what, name]);
  return stdout.trim().split(" ").map(Number);
}

/**
 * Does something with the rights that another user has on files: what root may do says nothing about a service that is
 * not root. Nothing else may go on in this process meanwhile. Where this process is not root, it does it as itself.
 */
export async function withRightsOf<T>(user: User, act: () => Promise<T>): Promise<T> {
  const { setegid, seteuid, setgroups } = process;
  if (process.geteuid?.() !== 0 || user.uid === 0) return await act();
  if (setegid === undefined || seteuid === undefined || setgroups === undefined) return await act();
  const own = ownUser();
  setgroups(user.groups);
  setegid(user.gid);
  seteuid(user.uid);
  try {
    return await act();
  } finally {
    seteuid(0);
    setegid(own.gid);
    setgroups(own.groups);
  }
}
