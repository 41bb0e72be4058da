import type { Command } from "commander";
import { askBoard } from "../../boards/invoke-method.ts";
import { boardViewFrom } from "../../boards/board-view.ts";
import { awaitEnd } from "../../watch/await-end.ts";
import { updateOutcome } from "../../watch/update-outcome.ts";
import { updateStory } from "../../watch/update-tracker.ts";
import type { HubClient } from "../../hub-client/hub-client.ts";
import type { World } from "../../cli/context.ts";
import { printAccepted } from "./accepted.ts";
import { conclude } from "./conclude.ts";
import {
  operationName,
  targetOf,
  withTargetOptions,
  withWaitOptions,
  type TargetOptions,
  type WaitOptions,
} from "../options.ts";
import { withHub } from "../../cli/with-hub.ts";

interface ApplyOptions extends TargetOptions, WaitOptions {
  readonly operationId?: string;
}

const usualLimitMs = 60 * 60_000;

/** `boardkeeper apply` */
export function addApply(program: Command, world: World): void {
  const command = withTargetOptions(program.command("apply"))
    .description("apply an update that is staged on a board and waits for this order")
    .option("--operation-id <id>", "only if it is this update that is staged", operationName);
  withWaitOptions(command, "1h").action((options: ApplyOptions) =>
    withHub(world, options, (client) => apply(world, client, options)),
  );
}

async function apply(world: World, client: HubClient, options: ApplyOptions): Promise<void> {
  const target = targetOf(options);
  const before = options.wait === true ? boardViewFrom(await client.twin(target)) : undefined;
  const named = options.operationId === undefined ? {} : { operationId: options.operationId };
  const { response, operationId } = await askBoard(client, target, { method: "applyFirmwareUpdate", payload: named });
  if (before === undefined || operationId === null) {
    printAccepted(world, options.output, target, { operationId, message: response });
    return;
  }
  world.err.write(`${response} (${operationId})\n`);
  const asked = {
    operationId,
    version: before.update.version ?? "",
    rehearsal: before.update.rehearsal,
    already: false,
    repeated: false,
    desiredVersion: null,
  };
  const end = await awaitEnd(world, client, {
    target,
    what: "update",
    story: updateStory(asked, before),
    limitMs: options.timeout ?? usualLimitMs,
    isGood: ({ kind }) => kind === "completed" || kind === "rehearsed",
  });
  conclude(world, options.output, { target, operationId }, updateOutcome(target, end));
}
