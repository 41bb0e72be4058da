import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The user of this process. */
export function currentUser(): User {
  const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  return { name: uid === 0 ? "root" : `the user ${uid}`, uid, gid };
}

/** A user by name; undefined where the board has none of that name. */
export async function findUser(name: string): Promise<User | undefined> {
  try {
    const [uid, gid] = await Promise.all(
      ["-u", "-g"].map(async (what) => Number((await run("id", [what, name])).stdout)),
    );
    return uid === undefined || gid === undefined ? undefined : { name, uid, gid };
  } catch {
    return undefined; // `id` says so with its status.
  }
}
