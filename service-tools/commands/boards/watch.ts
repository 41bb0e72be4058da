import type { Command } from "commander";
import { boardViewFrom, type BoardView } from "../../boards/board-view.ts";
import { changesBetween, type Change } from "../../boards/format-twin-changes.ts";
import { summaryOf } from "../../boards/summary.ts";
import { HubBusy, HubUnreachable, Interrupted, TimedOut } from "../../cli/errors.ts";
import { pause } from "../../watch/follow.ts";
import { nameOf, type HubClient, type Target } from "../../hub-client/hub-client.ts";
import { renderRecord } from "../../cli/output.ts";
import { paintFor } from "../../cli/screen/screen.ts";
import type { World } from "../../cli/context.ts";
import { statusDocument } from "./status.ts";
import { targetOf, withTargetOptions, type TargetOptions } from "../options.ts";
import { withHub } from "../../cli/with-hub.ts";

/** `boardkeeper watch`: Ctrl-C is how it ends, so that is no failure. */
export function addWatch(program: Command, world: World): void {
  withTargetOptions(program.command("watch"))
    .description("follow everything that happens to a board, until Ctrl-C (-o json: a document a line)")
    .action((options: TargetOptions) =>
      withHub(world, options, async (client) => {
        try {
          await watch(world, client, targetOf(options), options.output === "json");
        } catch (cause) {
          if (!(cause instanceof Interrupted)) throw cause;
        }
      }),
    );
}

async function watch(world: World, client: HubClient, target: Target, asJson: boolean): Promise<never> {
  const { timer, interrupted, out, err } = world;
  const opening = await client.twin(target);
  let known = boardViewFrom(opening);
  if (asJson)
    out.write(`${JSON.stringify({ at: world.now().toISOString(), part: "state", ...statusDocument(opening) })}\n`);
  else out.write(`${renderRecord("table", summaryOf(nameOf(target), known))}\n\n`);
  err.write(`Watching ${nameOf(target)}. Stop with Ctrl-C.\n`);
  let inTrouble = false;
  for (;;) {
    await pause(world.lookEveryMs(client.address), timer, interrupted);
    try {
      const view: BoardView = boardViewFrom(await client.twin(target));
      if (inTrouble) err.write("The hub answers again.\n");
      inTrouble = false;
      for (const change of changesBetween(known, view)) out.write(line(world, target, change, asJson));
      known = view;
    } catch (cause) {
      if (!(cause instanceof HubUnreachable || cause instanceof HubBusy || cause instanceof TimedOut)) throw cause;
      if (!inTrouble) err.write(`${cause.message} Trying again.\n`);
      inTrouble = true;
    }
  }
}

function line(
  { now, out }: World,
  { deviceId, moduleId }: Target,
  { part, message, phase, operationId }: Change,
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
