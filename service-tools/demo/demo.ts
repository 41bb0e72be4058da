import { boardViewFrom } from "../boards/board-view.ts";
import { withHub } from "../cli/with-hub.ts";
import { Interrupted, OperationFailed } from "../cli/errors.ts";
import { exitCodes } from "../cli/exit-codes.ts";
import type { HubClient } from "../hub-client/hub-client.ts";
import type { PublishedImage } from "../images/publish.ts";
import { saySize } from "../cli/screen/measures.ts";
import type { Run, World } from "../cli/context.ts";
import type { Companion } from "./managed-process.ts";
import { demoEnvironment } from "./environment.ts";
import { Narrator } from "./demo-output.ts";
import { demoBoard, newVersion, publishRandomImage, startBoard, startHub } from "./set-up.ts";
import type { Stage } from "./sandbox.ts";
import { stayWords } from "./stay-instructions.ts";
import { twinExcerpt } from "./twin-excerpt.ts";

/** Enough for a slow machine, too little to wonder whether it hangs. */
const waitAtMost = "60s";
/** Longer than it takes to be told that a process has ended. */
const noticeMs = 1_000;

/**
 * Plays the story of a reboot and an update on a stage of its own, with real processes and real commands.
 * @throws OperationFailed when any of it does not come out as it should
 */
export async function playDemo(around: World, run: Run, stage: Stage, stay: boolean): Promise<void> {
  const fault = new AbortController();
  const world: World = {
    ...around,
    env: demoEnvironment(around.env, stage.home),
    // One voice: what the commands say beside their results belongs to the story.
    err: around.out,
    // A hub of our own may be looked at as often as we like: nothing is missed.
    lookEveryMs: () => 200,
    interrupted: AbortSignal.any([around.interrupted, fault.signal]),
  };
  const narrator = new Narrator(world.out);
  narrator.say("Boardkeeper demo: a hub, a board and an update, on this machine alone.");
  narrator.say(`All of it lies in ${stage.home} and is gone at the end.`);

  narrator.scene("A hub, a board, a firmware");
  watchOver(await startHub(world, stage), "local hub", fault);
  await withHub(world, {}, async (client) => {
    narrator.done("local hub", `a process of its own, ${client.address.hostName}`);
    watchOver(await startBoard(world, stage, client), "simulated board", fault);
    narrator.done(demoBoard, "a simulated board: another process, connected over MQTT");
    const image = await publishRandomImage(world, stage);
    narrator.done("firmware", `${saySize(image.size)} of random bytes, on the hub's image server`);
    await play(world, run, narrator, client, image);
    if (stay) await stayUntilCtrlC(around, world, narrator, stage);
  });
}

async function play(
  world: World,
  run: Run,
  narrator: Narrator,
  client: HubClient,
  image: PublishedImage,
): Promise<void> {
  const look = (): ReturnType<HubClient["twin"]> => client.twin({ deviceId: demoBoard });
  const before = await look();
  narrator.scene("The board's twin, in the words of four tutorials");
  narrator.twin(twinExcerpt(before, before), false);

  narrator.scene("A reboot, followed until it is proven");
  narrator.typed(`boardkeeper reboot -d ${demoBoard} --wait`);
  await perform(world, run, ["reboot", "-d", demoBoard, "--wait", "--timeout", waitAtMost]);
  const between = await look();

  narrator.scene("A firmware update, followed until it is proven");
  narrator.typed(
    `boardkeeper update -d ${demoBoard} --version ${newVersion} --wait`,
    `--uri ${image.url}`,
    `--sha256 ${image.sha256}`,
  );
  const named = ["--version", newVersion, "--uri", image.url, "--sha256", image.sha256];
  await perform(world, run, ["update", "-d", demoBoard, ...named, "--wait", "--timeout", waitAtMost]);
  const after = await look();

  narrator.scene("The twin before and after");
  narrator.twin(twinExcerpt(before, after), true);

  narrator.scene("What was proven");
  const boots = [before, between, after].map((twin) => boardViewFrom(twin).agent?.bootId?.slice(0, 8) ?? "unknown");
  const { firmwareVersion, update } = boardViewFrom(after);
  narrator.done("the reboot", `boot ${boots[0]} ended and boot ${boots[1]} began`);
  narrator.done("the update", `${firmwareVersion} runs, in boot ${boots[2]}: fetched, its SHA-256 checked,`);
  narrator.say(`  ${"".padEnd(14)} installed, restarted into, healthy; only then ${update.phase}`);
}

/** Runs a command line as if it had been typed. Its own words are on the screen already. */
async function perform(world: World, run: Run, args: readonly string[]): Promise<void> {
  const exitCode = await run(args, world);
  // The command may notice the end of a companion before we are told of it, and that end is the reason to name.
  if (exitCode === exitCodes.hubUnreachable)
    await world.timer.after(noticeMs, world.interrupted).catch(() => undefined);
  world.interrupted.throwIfAborted();
  if (exitCode === exitCodes.ok) return;
  throw new OperationFailed(
    `The demo failed: boardkeeper ${args[0]} ended with exit code ${exitCode}, for the reason above.`,
  );
}

/** A companion that ends before its time ends the demo, with its last words. */
function watchOver(companion: Companion, name: string, fault: AbortController): void {
  void companion.ended.then(async (how) => {
    const words = await companion.lastWords(10).catch(() => "");
    fault.abort(new OperationFailed(`The demo failed: its ${name} has ended (${how}). The last it said:\n${words}`));
  });
}

/** Ctrl-C is how staying ends, so that is no failure; the end of a companion is one. */
async function stayUntilCtrlC(
  around: World,
  { interrupted, programs }: World,
  narrator: Narrator,
  stage: Stage,
): Promise<void> {
  narrator.say(stayWords(stage.home, programs.cli, around.env));
  await new Promise((resolve) => interrupted.addEventListener("abort", resolve, { once: true }));
  if (!(interrupted.reason instanceof Interrupted)) throw interrupted.reason;
}
