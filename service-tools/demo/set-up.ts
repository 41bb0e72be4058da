import { randomBytes } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseBoardView } from "../boards/board-view.ts";
import { OperationFailed } from "../cli/errors.ts";
import { pause } from "../cli/timer.ts";
import type { HubClient } from "../hub-client/hub-client.ts";
import type { PublishedImage } from "../images/publish.ts";
import type { Context } from "../context.ts";
import type { ManagedProcess } from "./managed-process.ts";
import type { Sandbox } from "./sandbox.ts";

export const demoBoard = "demo-board";
export const newVersion = "1.1.0";
const imageMebibytes = 64;
const startTimeoutMs = 30_000;
const pollIntervalMs = 100;

/** Starts the local hub as a separate process. Resolves when it is ready. */
export async function startHub(context: Context, sandbox: Sandbox): Promise<ManagedProcess> {
  const logFile = join(sandbox.home, "hub.log");
  const { programs, env } = context;
  const hub = await sandbox.start({ program: programs.cli, args: ["hub", "start"], env, logFile, logsStdout: false });
  await untilReady("local hub", hub, context, () => hub.ready);
  return hub;
}

/** Registers a device and starts a simulated board with it. Resolves when the board has reported. */
export async function startBoard(context: Context, sandbox: Sandbox, client: HubClient): Promise<ManagedProcess> {
  await client.createIdentity({ deviceId: demoBoard });
  const args = ["run", "--simulate", "-d", demoBoard];
  const logFile = join(sandbox.home, "board.log");
  const { programs, env } = context;
  const board = await sandbox.start({ program: programs.agent, args, env, logFile, logsStdout: true });
  await untilReady("simulated board", board, context, async (signal) => {
    for (;;) {
      const { connected, agent } = parseBoardView(await client.getTwin({ deviceId: demoBoard }));
      if (connected && agent !== null) return;
      await pause(pollIntervalMs, context.timer, signal);
    }
  });
  return board;
}

/** Creates an image and publishes it on the image server. */
export async function publishRandomImage(context: Context, sandbox: Sandbox): Promise<PublishedImage> {
  const path = join(sandbox.home, `firmware-${newVersion}.img`);
  await writeRandomImage(path, imageMebibytes);
  const image = await context.publishImage(context.env, path);
  await rm(path);
  return image;
}

/** Waits until the process is ready. @throws OperationFailed when it exits first, or is not ready in time */
async function untilReady(
  name: string,
  process: ManagedProcess,
  { timer, interrupted }: Context,
  ready: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const done = new AbortController();
  const signal = AbortSignal.any([interrupted, done.signal]);
  const candidates = [
    ready(signal).then(() => undefined),
    process.ended.then((how) => `ended at once (${how})`),
    pause(startTimeoutMs, timer, signal).then(() => `was not ready within ${startTimeoutMs / 1_000} s`),
  ];
  let failure: string | undefined;
  try {
    failure = await Promise.race(candidates);
  } finally {
    done.abort();
    // The others now reject, and nobody awaits them.
    for (const one of candidates) one.catch(() => undefined);
  }
  if (failure === undefined) return;
  throw new OperationFailed(
    `The demo failed: its ${name} ${failure}. Its last log lines:\n${await process.lastLogLines(10)}`,
  );
}

const mebibyte = 2 ** 20;

/** Random bytes cannot be compressed, so the whole image is really transferred. */
async function writeRandomImage(path: string, mebibytes: number): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    for (let written = 0; written < mebibytes; written += 1) await file.writeFile(randomBytes(mebibyte));
  } finally {
    await file.close();
  }
}
