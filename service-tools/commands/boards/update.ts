import { Option, type Command } from "commander";
import { askBoard } from "../../boards/invoke-method.ts";
import { boardViewFrom } from "../../boards/board-view.ts";
import { desiredFirmware, updatePayload, versionOf, type UpdateRequest } from "../../boards/update-request.ts";
import { awaitEnd } from "../../watch/await-end.ts";
import { updateOutcome } from "../../watch/update-outcome.ts";
import { updateStory } from "../../watch/update-tracker.ts";
import { nameOf, type HubClient, type Target } from "../../hub-client/hub-client.ts";
import type { World } from "../../cli/context.ts";
import { printAccepted } from "./accepted.ts";
import { conclude } from "./conclude.ts";
import { askedBefore, printRepeated } from "./repeated.ts";
import { checkImageOptions, findImage, withImageOptions, type ImageOptions } from "../image/options.ts";
import {
  targetOf,
  withOperationId,
  withTargetOptions,
  withWaitOptions,
  type TargetOptions,
  type WaitOptions,
} from "../options.ts";
import { withHub } from "../../cli/with-hub.ts";

interface UpdateOptions extends TargetOptions, WaitOptions, ImageOptions {
  readonly apply?: "now" | "window" | "manual";
  readonly desired?: boolean;
  readonly operationId?: string;
}

const hourMs = 3_600_000;
const usualLimitMs = hourMs;
/** Until the window opens, or somebody gives the order. */
const heldLimitMs = 24 * hourMs;

const examples = `
Examples:
  boardkeeper update -d board-1 --file firmware.img --version 1.2.0 --wait
  boardkeeper update -d board-1 --uri https://images.example/firmware.img \\
    --sha256 9f86d081… --version 1.2.0 --apply manual
  boardkeeper apply -d board-1 --wait
  boardkeeper update -d board-1 --rehearse --wait`;

/** `boardkeeper update` */
export function addUpdate(program: Command, world: World): void {
  const command = withImageOptions(withTargetOptions(program.command("update")))
    .description("update a board's firmware: from an address with its SHA-256, or from a file through the local hub")
    .addOption(
      new Option(
        "--apply <when>",
        "when to install it once it is there: now (the default), in the board's next maintenance window, or on order",
      ).choices(["now", "window", "manual"]),
    )
    .option("--desired", "declare it in the desired properties: a board that is offline takes it up later")
    .addHelpText("after", examples);
  withWaitOptions(withOperationId(command), "1h; 24h with --apply window or manual").action((options: UpdateOptions) =>
    withHub(world, options, (client) => update(world, client, options)),
  );
}

async function update(world: World, client: HubClient, options: UpdateOptions): Promise<void> {
  const target = targetOf(options);
  checkImageOptions(client.address, options);
  // Looked at before anything is published, too: a board that is not there needs no image.
  const isLookedAt = options.wait === true || options.file !== undefined;
  const before = isLookedAt ? boardViewFrom(await client.twin(target)) : undefined;
  const image = await findImage(world, options);
  const operationId = options.operationId ?? `update-${world.newOperationId()}`;
  const request: UpdateRequest = { ...image, version: options.version, apply: options.apply, operationId };
  const asked = await (options.desired === true ? declare(client, target, request) : order(client, target, request));
  if (options.wait !== true || before === undefined) {
    const { message, already, repeated } = asked;
    const accepted = { operationId: asked.operationId, already, message };
    if (repeated) await printRepeated(world, options.output, client, target, "update", asked.operationId);
    else printAccepted(world, options.output, target, accepted);
    return;
  }
  world.err.write(`${asked.repeated ? askedBefore("update") : asked.message} (${asked.operationId})\n`);
  const isHeld = options.apply === "window" || options.apply === "manual";
  const rehearsal = options.rehearse === true;
  const end = await awaitEnd(world, client, {
    target,
    what: "update",
    story: updateStory({ ...asked, version: versionOf(request), rehearsal }, before),
    limitMs: options.timeout ?? (isHeld ? heldLimitMs : usualLimitMs),
    isGood: ({ kind }) => kind === "completed" || kind === "rehearsed",
  });
  conclude(world, options.output, { target, operationId: asked.operationId }, updateOutcome(target, end));
}

interface Asked {
  readonly operationId: string;
  readonly already: boolean;
  readonly repeated: boolean;
  readonly desiredVersion: number | null;
  readonly message: string;
}

/** Commands it: the board answers now. */
async function order(client: HubClient, target: Target, request: UpdateRequest): Promise<Asked> {
  const { operationId } = request;
  const answer = await askBoard(client, target, {
    method: "firmwareUpdate",
    payload: updatePayload(request),
    operationId,
  });
  // A board that has this update in hand already may know it by the name of the first request.
  return {
    operationId: answer.operationId ?? operationId,
    already: answer.already,
    repeated: answer.repeated,
    desiredVersion: null,
    message: answer.response,
  };
}

/** Declares it: the hub keeps it for the board. */
async function declare(client: HubClient, target: Target, request: UpdateRequest): Promise<Asked> {
  const { desired } = boardViewFrom(await client.patchTwin(target, { desired: desiredFirmware(request) }));
  return {
    operationId: request.operationId,
    already: false,
    repeated: false,
    desiredVersion: desired.version,
    message: `Firmware declared for ${nameOf(target)} in its desired properties, version ${desired.version}`,
  };
}
