import { parseBoardView } from "../boards/board-view.ts";
import { Interrupted, OperationFailed } from "../cli/errors.ts";
import { exitCodes } from "../cli/exit-codes.ts";
import { formatSize } from "../cli/units.ts";
import { withHub, type Context, type RunCommandLine } from "../context.ts";
import type { HubClient } from "../hub-client/hub-client.ts";
import type { PublishedImage } from "../images/publish.ts";
import { DemoOutput, stayInstructions } from "./demo-output.ts";
import type { ManagedProcess } from "./managed-process.ts";
import { demoEnvironment, type Sandbox } from "./sandbox.ts";
import { demoBoard, newVersion, publishRandomImage, startBoard, startHub } from "./set-up.ts";
import { twinExcerpt } from "./twin-excerpt.ts";

/** Long enough for a slow machine. */
const timeout = "60s";
/** Longer than it takes until the exit of a child process is reported. */
const exitNoticeMs = 1_000;

/**
 * Shows a reboot and an update in a sandbox, with real processes and real commands.
 * @throws OperationFailed when a step fails or a process of the demo exits
 */
export async function runDemo(outer: Context, run: RunCommandLine, sandbox: Sandbox, stay: boolean): Promise<void> {
  const fault = new AbortController();
  const context: Context = {
    ...outer,
    env: demoEnvironment(outer.env, sandbox.home),
    // What the commands print on standard error is part of the demo's output.
    err: outer.out,
    // Fast enough to see every phase.
    pollIntervalMs: () => 200,
    interrupted: AbortSignal.any([outer.interrupted, fault.signal]),
  };
  const output = new DemoOutput(context.out);
  output.line("Boardkeeper demo: a hub, a board and an update, on this machine only.");
  output.line(`All files are in ${sandbox.home}; they are removed at the end.`);

  output.heading("A hub, a board, a firmware image");
  failWhenEnded(await startHub(context, sandbox), "local hub", fault);
  await withHub(context, {}, async (client) => {
    output.checkMark("local hub", `a separate process, ${client.address.hostName}`);
    failWhenEnded(await startBoard(context, sandbox, client), "simulated board", fault);
    output.checkMark(demoBoard, "a simulated board: another process, connected over MQTT");
    const image = await publishRandomImage(context, sandbox);
    output.checkMark("firmware", `${formatSize(image.size)} of random bytes, on the hub's image server`);
    await rebootAndUpdate(context, run, output, client, image);
    if (stay) await stayUntilCtrlC(outer, context, output, sandbox);
  });
}

async function rebootAndUpdate(
  context: Context,
  run: RunCommandLine,
  output: DemoOutput,
  client: HubClient,
  image: PublishedImage,
): Promise<void> {
  const readTwin = (): ReturnType<HubClient["getTwin"]> => client.getTwin({ deviceId: demoBoard });
  const before = await readTwin();
  output.heading("The board's twin, in the formats of four tutorials");
  output.twinTable(twinExcerpt(before, before), false);

  output.heading("A reboot, followed until it is proven");
  output.commandLine(`boardkeeper reboot -d ${demoBoard} --wait`);
  await runCommand(context, run, ["reboot", "-d", demoBoard, "--wait", "--timeout", timeout]);
  const between = await readTwin();

  output.heading("A firmware update, followed until it is proven");
  output.commandLine(
    `boardkeeper update -d ${demoBoard} --version ${newVersion} --wait`,
    `--uri ${image.url}`,
    `--sha256 ${image.sha256}`,
  );
  const imageOptions = ["--version", newVersion, "--uri", image.url, "--sha256", image.sha256];
  await runCommand(context, run, ["update", "-d", demoBoard, ...imageOptions, "--wait", "--timeout", timeout]);
  const after = await readTwin();

  output.heading("The twin before and after");
  output.twinTable(twinExcerpt(before, after), true);

  output.heading("What was proven");
  const boots = [before, between, after].map((twin) => parseBoardView(twin).agent?.bootId?.slice(0, 8) ?? "unknown");
  const { firmwareVersion, update } = parseBoardView(after);
  output.checkMark("the reboot", `boot ${boots[0]} ended and boot ${boots[1]} began`);
  output.checkMark("the update", `${firmwareVersion} runs in boot ${boots[2]}: downloaded, SHA-256 checked,`);
  output.line(`  ${"".padEnd(14)} installed, restarted, healthy; only then ${update.phase}`);
}

/** Runs a command line as if it had been typed. It prints its own output. */
async function runCommand(context: Context, run: RunCommandLine, args: readonly string[]): Promise<void> {
  const exitCode = await run(args, context);
  // The command may fail because a process of the demo exited. That exit is the reason to report, so wait for its notice.
  if (exitCode === exitCodes.hubUnreachable) {
    // Rejects when the notice arrives; `throwIfAborted` then throws it.
    await context.timer.after(exitNoticeMs, context.interrupted).catch(() => undefined);
  }
  context.interrupted.throwIfAborted();
  if (exitCode === exitCodes.ok) return;
  throw new OperationFailed(
    `The demo failed: boardkeeper ${args[0]} ended with exit code ${exitCode}. The reason is printed above.`,
  );
}

/** A process that exits before the end of the demo ends the demo. */
function failWhenEnded(process: ManagedProcess, name: string, fault: AbortController): void {
  void process.ended.then(async (how) => {
    // At the normal end of the demo the log may be gone already; then nobody reads this error.
    const log = await process.lastLogLines(10).catch(() => "");
    fault.abort(new OperationFailed(`The demo failed: its ${name} has ended (${how}). Its last log lines:\n${log}`));
  });
}

/** Ctrl-C is the normal end here; the exit of a process is an error. */
async function stayUntilCtrlC(
  outer: Context,
  { interrupted, programs }: Context,
  output: DemoOutput,
  sandbox: Sandbox,
): Promise<void> {
  output.line(stayInstructions(sandbox.home, programs.cli, outer.env));
  await new Promise((resolve) => interrupted.addEventListener("abort", resolve, { once: true }));
  if (!(interrupted.reason instanceof Interrupted)) throw interrupted.reason;
}
