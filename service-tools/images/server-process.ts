import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { ListeningServer } from "../local-hub/network/tls-frontend.ts";
import { acquireLock, lockHolderPid } from "../local-hub/storage/folder-lock.ts";
import type { Lock } from "../local-hub/storage/folder-lock.ts";

/** How to start a program. */
export interface Program {
  readonly executable: string;
  readonly arguments: readonly string[];
}

const LOCK_FILE = "image-server.lock";
const STOP_TIMEOUT_MS = 5000;
const POLL_INTERVAL_MS = 20;

/**
 * Starts the image server as a child process of the hub, so that a test can kill it alone. The child runs `image serve`. It sends its
 * port over Node's IPC channel, and exits when the channel closes. `died` is called when it exits without being stopped.
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
    throw new Error(`The image server did not start (${listening}). The reason is printed above.`);
  }
  let isStopping = false;
  void ended.then((how) => {
    if (!isStopping) died(child.pid ?? 0, how);
  });
  return {
    port: listening,
    close: async () => {
      isStopping = true;
      child.kill("SIGTERM");
      const killTimer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(killTimer);
    },
  };
}

/** The process id of this folder's image server; undefined when none is running. */
export async function imageServerPid(folder: string): Promise<number | undefined> {
  return lockHolderPid(join(folder, LOCK_FILE));
}

/** Locks the folder: only one image server may run in it. */
export async function lockImageServer(folder: string): Promise<Lock> {
  const lock = await acquireLock(join(folder, LOCK_FILE));
  if ("heldBy" in lock) {
    throw new Error(`An image server (process ${lock.heldBy}) is already running in ${folder}.`);
  }
  return lock;
}

/**
 * In the image server's process: sends the port to the hub. Returns a promise that resolves when the hub is gone; undefined when the
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

/** In the image server's process: closes the channel to the hub, which would keep the process alive. */
export function disconnectFromHub(): void {
  if (process.connected) process.disconnect();
}

/** Stops an image server that was started by hand, or whose hub was killed a moment ago. */
async function stopOtherServer(folder: string): Promise<void> {
  const pid = await imageServerPid(folder);
  if (pid === undefined) return;
  process.kill(pid, "SIGTERM");
  for (let waitedMs = 0; waitedMs < STOP_TIMEOUT_MS; waitedMs += POLL_INTERVAL_MS) {
    if ((await imageServerPid(folder)) !== pid) return;
    await wait(POLL_INTERVAL_MS);
  }
  throw new Error(`Another image server (process ${pid}) does not stop. End it with: kill -9 ${pid}`);
}

async function portOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once("message", (message) => {
      const port: unknown = Reflect.get(Object(message), "port");
      if (typeof port === "number") resolve(port);
    });
  });
}
