import { rm } from "node:fs/promises";
import { join } from "node:path";
import { boardViewFrom } from "../boards/board-view.ts";
import { OperationFailed } from "../cli/errors.ts";
import { pause } from "../watch/follow.ts";
import type { HubClient } from "../hub-client/hub-client.ts";
import type { PublishedImage } from "../images/publish.ts";
import type { World } from "../cli/context.ts";
import type { Companion } from "./managed-process.ts";
import { writeRandomImage } from "./random-image.ts";
import type { Stage } from "./sandbox.ts";

export const demoBoard = "demo-board";
export const newVersion = "1.1.0";
const imageMebibytes = 64;
const startWithinMs = 30_000;
const lookEveryMs = 100;

/** Starts the local hub, a process of its own. Resolves when it serves. */
export async function startHub(world: World, stage: Stage): Promise<Companion> {
  const logFile = join(stage.home, "hub.log");
  const { programs, env } = world;
  const hub = await stage.bring({ program: programs.cli, args: ["hub", "start"], env, logFile, keepsResults: false });
  await started("local hub", hub, world, () => hub.ready);
  return hub;
}

/** Registers a device and starts a simulated board that connects as it. Resolves when the hub has heard of it. */
export async function startBoard(world: World, stage: Stage, client: HubClient): Promise<Companion> {
  await client.create({ deviceId: demoBoard });
  const args = ["run", "--simulate", "-d", demoBoard];
  const logFile = join(stage.home, "board.log");
  const { programs, env } = world;
  const board = await stage.bring({ program: programs.agent, args, env, logFile, keepsResults: true });
  await started("simulated board", board, world, async (signal) => {
    for (;;) {
      const { connected, agent } = boardViewFrom(await client.twin({ deviceId: demoBoard }));
      if (connected && agent !== null) return;
      await pause(lookEveryMs, world.timer, signal);
    }
  });
  return board;
}

/** Makes an image and puts it where boards can fetch it. */
export async function publishRandomImage(world: World, stage: Stage): Promise<PublishedImage> {
  const path = join(stage.home, `firmware-${newVersion}.img`);
  await writeRandomImage(path, imageMebibytes);
  const image = await world.publishImage(world.env, path);
  await rm(path);
  return image;
}

/** Waits for a start, but not for ever, and not for one that has failed already. */
async function started(
  name: string,
  companion: Companion,
  { timer, interrupted }: World,
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
    `The demo failed: its ${name} ${trouble}. The last it said:\n${await companion.lastWords(10)}`,
  );
}
