import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import { dirname } from "node:path";
import { errorMessage } from "../../lib/errors.ts";
import { openRegularFile } from "../../lib/regular-file.ts";
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

/** EX_TEMPFAIL of sysexits.h: with this flock ends when the time is over. */
const busyStatus = 75;

/**
 * Does something while no install helper runs, which writes the same files: with the lock (flock(2)) that the helper holds. Node.js
 * has no call for that lock, so flock(1) holds it. Rejects with HelperBusy, with a system error
 * such as EACCES for a user who may not take the lock, or as `act` does.
 */
export async function withHelperLock<T>(lockFile: string, waitSeconds: number, act: () => Promise<T>): Promise<T> {
  await makeFolder(dirname(lockFile)); // Mode 0700, as systemd makes it for the helper.
  await (await openRegularFile(lockFile, constants.O_RDWR | constants.O_CREAT)).close(); // Says who may not, and why.
  const args = [
    "--conflict-exit-code",
    String(busyStatus),
    "--wait",
    String(waitSeconds),
    lockFile,
    "sh",
    "-c",
    "echo locked; exec cat",
  ];
  const holder = spawn("flock", args, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(holder, "close").catch((cause: unknown) => {
    throw new Error(`flock(1), of the package util-linux, cannot be run: ${errorMessage(cause)}`, { cause });
  });
  const failure = await Promise.race([once(holder.stdout, "data").then(() => undefined), ended]);
  if (failure !== undefined) {
    if (failure[0] === busyStatus) throw new HelperBusy(waitSeconds);
    throw new Error(`flock(1) ended with ${String(failure[0])}: see above`);
  }
  try {
    return await act();
  } finally {
    holder.stdin.end();
    await ended;
  }
}
