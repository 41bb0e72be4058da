import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { ListeningServer } from "../local-hub/network/tls-frontend.ts";
import { acquireLock, lockHolderPid } from "../local-hub/storage/folder-lock.ts";
import type { Lock } from "../local-hub/storage/folder-lock.ts";

/** The command line of this program, as it was started. */
export interface Program {
  readonly executable: string;
  readonly arguments: readonly string[];
}

const LOCK_FILE = "image-server.lock";
const STOP_TIMEOUT_MS = 5000;
const POLL_INTERVAL_MS = 20;

/**
 * The image server as a process of its own, a child of the hub's, so that a rehearsal can kill it alone. The child is this same program
 * with the command line `image serve`; it tells its port over the channel that Node opens between them, and ends when that closes.
 * `died` is told when it ends without having been asked to.
 */
export async function startImageProcess(
  program: Program,
  folder: string,
  port: number,
  died: (pid: number, how: string) => void,
): Promise<ListeningServer> {
  await stopOtherServer(folder);
  const commandLine = [...program.arguments, "image", "serve", "--folder", folder, "--port", String(port)];
  const child = spawn(program.executable, commandLine, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const ended = new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => resolve(signal ?? `exit status ${code}`));
    child.once("error", (error) => resolve(error.message));
  });
  const listening = await Promise.race([portOf(child), ended]);
  if (typeof listening === "string") {
    throw new Error(`The image server did not start (${listening}); its reason stands above.`);
  }
  let asked = false;
  void ended.then((how) => {
    if (!asked) died(child.pid ?? 0, how);
  });
  return {
    port: listening,
    close: async () => {
      asked = true;
      child.kill("SIGTERM");
      const impatience = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(impatience);
    },
  };
}

/** The process id of the image server of this folder, or undefined when none runs. */
export async function imageServerPid(folder: string): Promise<number | undefined> {
  return lockHolderPid(join(folder, LOCK_FILE));
}

/** Takes the place of the one image server of this folder. */
export async function lockImageServer(folder: string): Promise<Lock> {
  const lock = await acquireLock(join(folder, LOCK_FILE));
  if ("heldBy" in lock) {
    throw new Error(`The images in ${folder} are being served already, by process ${lock.heldBy}.`);
  }
  return lock;
}

/**
 * In the image server's process: tells the hub that it listens. The promise is fulfilled when the hub is gone; there is none when this
 * server was not started by a hub.
 */
export function notifyHub(port: number): Promise<void> | undefined {
  if (!process.connected) return undefined;
  const gone = new Promise<void>((resolve) => {
    process.once("disconnect", resolve);
  });
  process.send?.({ port });
  return gone;
}

/** In the image server's process: lets go of the hub. An open channel would keep the process alive. */
export function disconnectFromHub(): void {
  if (process.connected) process.disconnect();
}

/** One that was started by hand, or that has not noticed yet that its hub was killed, makes room for that of the hub that starts now. */
async function stopOtherServer(folder: string): Promise<void> {
  const pid = await imageServerPid(folder);
  if (pid === undefined) return;
  process.kill(pid, "SIGTERM");
  for (let waitedMs = 0; waitedMs < STOP_TIMEOUT_MS; waitedMs += POLL_INTERVAL_MS) {
    if ((await imageServerPid(folder)) !== pid) return;
    await wait(POLL_INTERVAL_MS);
  }
  throw new Error(`An image server (process ${pid}) is in the way and does not stop. End it with: kill -9 ${pid}`);
}

async function portOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once("message", (message) => {
      const port: unknown = Reflect.get(Object(message), "port");
      if (typeof port === "number") resolve(port);
    });
  });
}
