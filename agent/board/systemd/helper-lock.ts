import { spawn } from "node:child_process";
import { once } from "node:events";
import { dirname } from "node:path";
import { errorMessage } from "../../lib/errors.ts";
import { makeFolder } from "../fs/files.ts";

/** Root's install helper did not end in time. The message says what to do. */
export class HelperBusy extends Error {
  constructor(waitSeconds: number) {
    super(
      `Root's install helper is at work on an update, and did not end within ${waitSeconds} s. Try again when that update has ended: boardkeeper-agent status`,
    );
    this.name = "HelperBusy";
  }
}

/**
 * Does something while no install helper runs, which writes the same files: with the lock (flock(2)) that the helper holds. Node.js
 * has no call for that lock, so flock(1) holds it. Rejects with HelperBusy, or as `act` does.
 */
export async function withHelperLock<T>(lockFile: string, waitSeconds: number, act: () => Promise<T>): Promise<T> {
  await makeFolder(dirname(lockFile)); // Mode 0700, as systemd makes it for the helper.
  const args = ["--wait", String(waitSeconds), lockFile, "sh", "-c", "echo locked; exec cat"];
  const holder = spawn("flock", args, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(holder, "close").catch((cause: unknown) => {
    throw new Error(`flock(1), of the package util-linux, cannot be run: ${errorMessage(cause)}`, { cause });
  });
  const isLocked = await Promise.race([once(holder.stdout, "data").then(() => true), ended.then(() => false)]);
  if (!isLocked) throw new HelperBusy(waitSeconds);
  try {
    return await act();
  } finally {
    holder.stdin.end();
    await ended;
  }
}
