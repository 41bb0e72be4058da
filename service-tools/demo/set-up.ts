import { rm, open } from "node:fs/promises";
import { join } from "node:path";
import { parseBoardView } from "../boards/board-view.ts";
import { OperationFailed } from "../cli/errors.ts";
import { pause } from "../cli/timer.ts";
import type { HubClient } from "../hub-client/hub-client.ts";
import type { PublishedImage } from "../images/publish.ts";
import type { Context } from "../context.ts";
import type { ManagedProcess } from "./managed-process.ts";
import type { Sandbox } from "./sandbox.ts";
import { randomBytes } from "node:crypto";

export const demoBoard = "demo-board";
export const newVersion = "1.1.0";
const imageMebibytes = 64;
const startWithinMs = 30_000;
const lookEveryMs = 100;

/** Starts the local hub, a process of its own. Resolves when it serves. */
export async function startHub(context: Context, stage: Sandbox): Promise<ManagedProcess> {
  const logFile = join(stage.home, "hub.log");
  const { programs, env } = context;
  const hub = await stage.start({ program: programs.cli, args: ["hub", "start"], env, logFile, logsStdout: false });
  await started("local hub", hub, context, () => hub.ready);
  return hub;
}

/** Registers a device and starts a simulated board that connects as it. Resolves when the hub has heard of it. */
export async function startBoard(context: Context, stage: Sandbox, client: HubClient): Promise<ManagedProcess> {
  await client.createIdentity({ deviceId: demoBoard });
  const args = ["run", "--simulate", "-d", demoBoard];
  const logFile = join(stage.home, "board.log");
  const { programs, env } = context;
  const board = await stage.start({ program: programs.agent, args, env, logFile, logsStdout: true });
  await started("simulated board", board, context, async (signal) => {
    for (;;) {
      const { connected, agent } = parseBoardView(await client.getTwin({ deviceId: demoBoard }));
      if (connected && agent !== null) return;
      await pause(lookEveryMs, context.timer, signal);
    }
  });
  return board;
}

/** Makes an image and puts it where boards can fetch it. */
export async function publishRandomImage(context: Context, stage: Sandbox): Promise<PublishedImage> {
  const path = join(stage.home, `firmware-${newVersion}.img`);
  await writeRandomImage(path, imageMebibytes);
  const image = await context.publishImage(context.env, path);
  await rm(path);
  return image;
}

/** Waits for a start, but not for ever, and not for one that has failed already. */
async function started(
  name: string,
  companion: ManagedProcess,
  { timer, interrupted }: Context,
  ready: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const over = new AbortController();
  const signal = AbortSignal.any([interrupted, over.signal]);
  const contenders = [
    ready(signal).then(() => undefined),
    companion.ended.then((how) => `ended at once (${how})`),
    pause(startWithinMs, timer, signal).then(() => `was not up within ${startWithinMs / 1_000} s`),
  ];
  let trouble: string | undefined;
  try {
    trouble = await Promise.race(contenders);
  } finally {
    over.abort(); // Ends the others, whose last words nobody waits for.
    for (const one of contenders) one.catch(() => undefined);
  }
  if (trouble === undefined) return;
  throw new OperationFailed(
    `The demo failed: its ${name} ${trouble}. The last it said:\n${await companion.lastLogLines(10)}`,
  );
}

const mebibyte = 2 ** 20;

/** Writes a file of random bytes: an image that nothing can compress, cache or guess. */
export async function writeRandomImage(path: string, mebibytes: number): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    for (let written = 0; written < mebibytes; written += 1) await file.writeFile(randomBytes(mebibyte));
  } finally {
    await file.close();
  }
}
