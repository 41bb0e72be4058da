import { execFile } from "node:child_process";
import { mkdir, symlink } from "node:fs/promises";
import { promisify } from "node:util";

/** What may lie where a file should be, and the word for it in messages. Each is made at a path that is free. */
export const specialFiles: readonly (readonly [what: string, make: (path: string) => Promise<unknown>])[] = [
  ["a named pipe (FIFO)", async (path) => await promisify(execFile)("mkfifo", [path])],
  ["a device", async (path) => await symlink("/dev/zero", path)],
  ["a folder", async (path) => await mkdir(path)],
];
