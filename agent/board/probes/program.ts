import { stat } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { errorCode } from "../../lib/errors.ts";

/**
 * Whether a program can be run with this process's effective rights: null, or Node's code for why not. access(2) would
 * answer for the real user.
 */
export async function probeProgram(program: string, searchPath: string): Promise<string | null> {
  const places = isAbsolute(program) ? [program] : searchPath.split(delimiter).map((folder) => join(folder, program));
  let code = "ENOENT";
  for (const path of places) {
    const looked = await probeExecutable(path);
    if (looked === null) return null;
    if (looked !== "ENOENT") code = looked;
  }
  return code;
}

async function probeExecutable(path: string): Promise<string | null> {
  try {
    const { mode, uid, gid } = await stat(path);
    const self = process.geteuid?.() ?? 0;
    const groups = [process.getegid?.() ?? 0, ...(process.getgroups?.() ?? [])];
    const bit = self === 0 ? 0o111 : self === uid ? 0o100 : groups.includes(gid) ? 0o010 : 0o001;
    return (mode & bit) === 0 ? "EACCES" : null;
  } catch (cause) {
    return errorCode(cause) ?? String(cause);
  }
}
