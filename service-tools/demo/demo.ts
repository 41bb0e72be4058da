import { parseBoardView } from "../boards/board-view.ts";
import { Interrupted, OperationFailed } from "../cli/errors.ts";
import { exitCodes } from "../cli/exit-codes.ts";
import type { HubClient } from "../hub-client/hub-client.ts";
import type { PublishedImage } from "../images/publish.ts";
import { formatSize } from "../cli/units.ts";
import { type RunCommandLine, type Context, withHub } from "../context.ts";
import type { ManagedProcess } from "./managed-process.ts";
import { DemoOutput, stayInstructions } from "./demo-output.ts";
import { demoBoard, newVersion, publishRandomImage, startBoard, startHub } from "./set-up.ts";
import { type Sandbox, demoEnvironment } from "./sandbox.ts";
import { twinExcerpt } from "./twin-excerpt.ts";

/** Enough for a slow machine, too little to wonder whether it hangs. */
const waitAtMost = "60s";
/** Longer than it takes to be told that a process has ended. */
const noticeMs = 1_000;

/**
 * Plays the story of a reboot and an update on a stage of its own, with real processes and real commands.
 * @throws OperationFailed when any of it does not come out as it should
 */
export async function runDemo(around: Context, run: RunCommandLine, stage: Sandbox, stay: boolean): Promise<void> {
  const fault = new AbortController();
  const context: Context = {
    ...around,
    env: demoEnvironment(around.env, stage.home),
    // One voice: what the commands say beside their results belongs to the story.
    err: around.out,
    // A hub of our own may be looked at as often as we like: nothing is missed.
    pollIntervalMs: () => 200,
    interrupted: AbortSignal.any([around.interrupted, fault.signal]),
  };
  const narrator = new DemoOutput(context.out);
  narrator.line("Boardkeeper demo: a hub, a board and an update, on this machine alone.");
  narrator.line(`All of it lies in ${stage.home} and is gone at the end.`);

  narrator.heading("A hub, a board, a firmware");
  failWhenEnded(await startHub(context, stage), "local hub", fault);
  await withHub(context, {}, async (client) => {
    narrator.checkMark("local hub", `a process of its own, ${client.address.hostName}`);
    failWhenEnded(await startBoard(context, stage, client), "simulated board", fault);
    narrator.checkMark(demoBoard, "a simulated board: another process, connected over MQTT");
    const image = await publishRandomImage(context, stage);
    narrator.checkMark("firmware", `${formatSize(image.size)} of random bytes, on the hub's image server`);
    await play(context, run, narrator, client, image);
    if (stay) await stayUntilCtrlC(around, context, narrator, stage);
  });
}

async function play(
  context: Context,
  run: RunCommandLine,
  narrator: DemoOutput,
  client: HubClient,
  image: PublishedImage,
): Promise<void> {
  const look = (): ReturnType<HubClient["getTwin"]> => client.getTwin({ deviceId: demoBoard });
  const before = await look();
  narrator.heading("The board's twin, in the words of four tutorials");
  narrator.twinTable(twinExcerpt(before, before), false);

  narrator.heading("A reboot, followed until it is proven");
  narrator.commandLine(`boardkeeper reboot -d ${demoBoard} --wait`);
  await runCommand(context, run, ["reboot", "-d", demoBoard, "--wait", "--timeout", waitAtMost]);
  const between = await look();

  narrator.heading("A firmware update, followed until it is proven");
  narrator.commandLine(
    `boardkeeper update -d ${demoBoard} --version ${newVersion} --wait`,
    `--uri ${image.url}`,
    `--sha256 ${image.sha256}`,
  );
  const named = ["--version", newVersion, "--uri", image.url, "--sha256", image.sha256];
  await runCommand(context, run, ["update", "-d", demoBoard, ...named, "--wait", "--timeout", waitAtMost]);
  const after = await look();

  narrator.heading("The twin before and after");
  narrator.twinTable(twinExcerpt(before, after), true);

  narrator.heading("What was proven");
  const boots = [before, between, after].map((twin) => parseBoardView(twin).agent?.bootId?.slice(0, 8) ?? "unknown");
  const { firmwareVersion, update } = parseBoardView(after);
  narrator.checkMark("the reboot", `boot ${boots[0]} ended and boot ${boots[1]} began`);
  narrator.checkMark("the update", `${firmwareVersion} runs, in boot ${boots[2]}: fetched, its SHA-256 checked,`);
  narrator.line(`  ${"".padEnd(14)} installed, restarted into, healthy; only then ${update.phase}`);
}

/** Runs a command line as if it had been typed. Its own words are on the screen already. */
async function runCommand(context: Context, run: RunCommandLine, args: readonly string[]): Promise<void> {
  const exitCode = await run(args, context);
  // The command may notice the end of a companion before we are told of it, and that end is the reason to name.
  if (exitCode === exitCodes.hubUnreachable)
    await context.timer.after(noticeMs, context.interrupted).catch(() => undefined);
  context.interrupted.throwIfAborted();
  if (exitCode === exitCodes.ok) return;
  throw new OperationFailed(
    `The demo failed: boardkeeper ${args[0]} ended with exit code ${exitCode}, for the reason above.`,
  );
}

/** A companion that ends before its time ends the demo, with its last words. */
function failWhenEnded(companion: ManagedProcess, name: string, fault: AbortController): void {
  void companion.ended.then(async (how) => {
    const words = await companion.lastLogLines(10).catch(() => "");
    fault.abort(new OperationFailed(`The demo failed: its ${name} has ended (${how}). The last it said:\n${words}`));
  });
}

/** Ctrl-C is how staying ends, so that is no failure; the end of a companion is one. */
async function stayUntilCtrlC(
  around: Context,
  { interrupted, programs }: Context,
  narrator: DemoOutput,
  stage: Sandbox,
): Promise<void> {
  narrator.line(stayInstructions(stage.home, programs.cli, around.env));
  await new Promise((resolve) => interrupted.addEventListener("abort", resolve, { once: true }));
  if (!(interrupted.reason instanceof Interrupted)) throw interrupted.reason;
}
