import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { access } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Timer, WallClock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { Runtime } from "../../lib/runtime.ts";
import { kernelBootClock } from "./boot.ts";

const run = promisify(execFile);

/** Longer timers of Node overflow and fire at once. */
const longestTimerMs = 2 ** 31 - 1;

export const systemTimer: Timer = {
  async after(delayMs, signal): Promise<void> {
    let leftMs = delayMs;
    for (; leftMs > longestTimerMs; leftMs -= longestTimerMs) await sleep(longestTimerMs, undefined, { signal });
    await sleep(leftMs, undefined, { signal });
  },
};

/** The system's clock. Whether a time server has set it: systemd-timesyncd leaves a file, for others timedated is asked. */
export function systemClock(): WallClock {
  let known = false; // Once synchronized, it counts as synchronized for this boot.
  return {
    now: () => new Date(),
    async synchronized(): Promise<boolean> {
      known ||= (await exists("/run/systemd/timesync/synchronized")) || (await isSynchronizedByTimedated());
      return known;
    },
  };
}

/** The clock of a simulated board: the host's, which is taken to be right. */
export const simulatedClock: WallClock = { now: () => new Date(), synchronized: () => Promise.resolve(true) };

/** The runtime of this machine. */
export function systemRuntime(log: Log): Runtime {
  return {
    wallClock: systemClock(),
    bootClock: kernelBootClock,
    timer: systemTimer,
    random: Math.random,
    newId: randomUUID,
    digest: (text) => createHash("sha256").update(text).digest("hex"),
    log,
  };
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

async function isSynchronizedByTimedated(): Promise<boolean> {
  try {
    const { stdout } = await run("timedatectl", ["show", "--property=NTPSynchronized", "--value"], { timeout: 5_000 });
    return stdout.trim() === "yes";
  } catch {
    return false; // No timedated: the clock counts as not synchronized.
  }
}
