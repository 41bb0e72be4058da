import type { Command } from "commander";
import { parseBoardView, type BoardView } from "../../boards/board-view.ts";
import { formatStatus } from "../../boards/format-status.ts";
import { formatTwinChanges, type TwinChange } from "../../boards/format-twin-changes.ts";
import { Interrupted } from "../../cli/errors.ts";
import { formatRecord } from "../../cli/output.ts";
import { poll } from "../../cli/retry.ts";
import { paintFor } from "../../cli/screen.ts";
import { withHub, type Context } from "../../context.ts";
import { targetName, type HubClient, type Target } from "../../hub-client/hub-client.ts";
import { QuestionSchedule } from "../../watch/question-schedule.ts";
import { targetOf, withTargetOptions, type TargetOptions } from "../options.ts";
import { presentState, statusDocument } from "./status.ts";

/** `boardkeeper watch`. Ctrl-C is the normal end: exit code 0. */
export function addWatch(program: Command, context: Context): void {
  withTargetOptions(program.command("watch"))
    .description("print everything that happens to a board, until Ctrl-C (-o json: one document per line)")
    .action((options: TargetOptions) =>
      withHub(context, options, async (client) => {
        try {
          await watch(context, client, targetOf(options), options.output === "json");
        } catch (cause) {
          if (!(cause instanceof Interrupted)) throw cause;
        }
      }),
    );
}

/** Compares each twin with the one before it. Returns only by an error: Interrupted, or one of the hub's. */
async function watch(context: Context, client: HubClient, target: Target, asJson: boolean): Promise<void> {
  const { timer, interrupted, out, err } = context;
  let before: BoardView | undefined;
  let reporting: string | null = null;
  const schedule = new QuestionSchedule(timer.nowMs());
  let isHubUnreachable = false;
  const options = { intervalMs: context.pollIntervalMs(client.address), timer, interrupted };
  for await (const twin of poll(() => client.getTwin(target), options)) {
    if (!twin.ok) {
      if (before === undefined) throw twin.error;
      if (!isHubUnreachable) err.write(`${twin.error.message} Trying again.\n`);
      isHubUnreachable = true;
      continue;
    }
    if (isHubUnreachable) err.write("The hub answers again.\n");
    isHubUnreachable = false;
    const view = parseBoardView(twin.value);
    const isQuiet = schedule.isDue([view.agent, view.update, view.reboot], view.connected, timer.nowMs());
    const said = before === undefined || isQuiet ? await presentState(client, target, twin.value) : undefined;
    if (before === undefined) {
      ({ reporting } = said ?? { reporting });
      const at = context.now().toISOString();
      if (asJson) out.write(`${JSON.stringify({ at, part: "state", ...statusDocument(twin.value), reporting })}\n`);
      else out.write(`${formatRecord(formatStatus(target, said?.view ?? view, reporting))}\n\n`);
      err.write(`Watching ${targetName(target)}. Stop with Ctrl-C.\n`);
    } else {
      // A board that does not answer, or does not say, leaves open whether its twin takes its reports again.
      const isKnown = said !== undefined && (said.reporting !== null || said.isTwinComplete);
      if (isKnown && said.reporting !== reporting) {
        ({ reporting } = said);
        const message = reporting ?? "the twin takes all that the board reports again";
        out.write(changeLine(context, target, { part: "twin", message }, asJson));
      }
      for (const change of formatTwinChanges(target, before, view))
        out.write(changeLine(context, target, change, asJson));
    }
    before = view;
  }
}

function changeLine(
  { now, out }: Context,
  { deviceId, moduleId }: Target,
  { part, message, phase, operationId }: TwinChange,
  asJson: boolean,
): string {
  const at = now().toISOString();
  if (asJson) {
    const named = { deviceId, moduleId: moduleId ?? null };
    return `${JSON.stringify({ at, part, ...named, phase: phase ?? null, operationId: operationId ?? null, message })}\n`;
  }
  const { dim, bold } = paintFor(out);
  return `${dim(`${at.slice(11, 19)}Z`)}  ${bold(part.padEnd(7))}  ${message}\n`;
}
