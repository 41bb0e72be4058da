import { InvalidArgumentError, Option, type Command } from "commander";
import { parseBoardView } from "../../boards/board-view.ts";
import { invokeMethod } from "../../boards/invoke-method.ts";
import { leaseFor, requireFeature } from "../../boards/required-feature.ts";
import {
  expectedVersion,
  toDesiredProperties,
  toMethodPayload,
  type UpdateRequest,
} from "../../boards/update-request.ts";
import { withHub, type Context } from "../../context.ts";
import { targetName, type HubClient, type Target } from "../../hub-client/hub-client.ts";
import { updateOutcome } from "../../watch/outcome.ts";
import { updateTracker } from "../../watch/update-tracker.ts";
import {
  time,
  withOperationId,
  withTargetOptions,
  withWaitOptions,
  type TargetOptions,
  type WaitOptions,
} from "../options.ts";
import {
  checkImageOptions,
  findImage,
  isFromRepository,
  withImageOptions,
  type ImageOptions,
} from "./image-options.ts";
import type { Accepted } from "./operation-output.ts";
import { runOperation } from "./run-operation.ts";
import { checkTrust, publishSigned } from "./signed-image.ts";

interface UpdateOptions extends TargetOptions, WaitOptions, ImageOptions {
  readonly apply?: "now" | "window" | "manual";
  readonly startBy?: Date;
  readonly desired?: boolean;
  readonly operationId?: string;
}

const hourMs = 3_600_000;
/** The window may open, or somebody may approve it, much later. */
const heldTimeoutMs = 24 * hourMs;

const examples = `
Examples:
  boardkeeper update -d board-1 --file firmware.img --version 1.2.0 --wait
  boardkeeper update -d board-1 --uri https://images.example/firmware.img \\
    --sha256 9f86d081… --version 1.2.0 --apply manual
  boardkeeper apply -d board-1 --wait
  boardkeeper update -d board-1 --uri https://images.example/firmware.img \\
    --sha256 9f86d081… --version 1.2.0 --desired --start-by 2030-01-31T04:00:00Z
  boardkeeper update -d board-1 --file firmware.img --version 1.2.0 --repo firmware --wait
  boardkeeper update -d board-1 --version 1.2.0 --wait
  boardkeeper update -d board-1 --rehearse --wait`;

/** `boardkeeper update` */
export function addUpdate(program: Command, context: Context): void {
  const command = withImageOptions(withTargetOptions(program.command("update")))
    .description("update a board's firmware from a URI and its SHA-256, or from a file through the local hub")
    .addOption(
      new Option(
        "--apply <when>",
        "when to install it after the download: now (the default), in the next maintenance window, or after: boardkeeper apply",
      ).choices(["now", "window", "manual"]),
    )
    .addOption(
      new Option(
        "--start-by <time>",
        "cancel it if the board has not begun to install it by then: a time with its zone, such as date -Is writes",
      ).argParser((text) => futureTime(text, context.now())),
    )
    .option("--desired", "declare it in the desired properties: an offline board updates when it is back")
    .addHelpText("after", examples);
  withWaitOptions(withOperationId(command), "1h; 24h with --apply window or manual; 1h after --start-by").action(
    (options: UpdateOptions) => withHub(context, options, (client) => update(context, client, options)),
  );
}

async function update(context: Context, client: HubClient, options: UpdateOptions): Promise<void> {
  checkImageOptions(client.address, options);
  /** The board's names, as its twin has them. */
  let compatible: readonly string[] = [];
  await runOperation(context, client, options, {
    what: "update",
    // An unknown device needs no published image.
    checksDeviceFirst: options.file !== undefined,
    checkBoard: needsTwin(options)
      ? async (target, twin) => {
          if (options.startBy !== undefined) await requireFeature(client, target, twin, leaseFor("--start-by"));
          await checkTrust(client, target, twin, options);
          compatible = parseBoardView(twin).board.compatible;
        }
      : undefined,
    request: async (target) => {
      const published = options.repo === undefined ? undefined : await publishSigned(context, options, compatible);
      const image = published === undefined ? await findImage(context, options) : atRepository;
      const operationId = options.operationId ?? `update-${context.newOperationId()}`;
      const { version = published?.version, apply, startBy } = options;
      const request: UpdateRequest = { ...image, version, apply, startBy, operationId };
      return await (options.desired === true ? declare(client, target, request) : callBoard(client, target, request));
    },
    tracker: ({ operationId, details, repeated, desiredVersion, version }, before) => {
      const { already } = details;
      const rehearsal = options.rehearse === true;
      return updateTracker(options, { operationId, version, rehearsal, already, repeated, desiredVersion }, before);
    },
    outcomeOf: updateOutcome,
    defaultTimeoutMs: defaultTimeoutMs(options, context.now()),
  });
}

/** The board finds it by its version. */
const atRepository = { uri: undefined, sha256: undefined, sizeBytes: undefined };

/** What the twin says decides whether the board can be asked at all. */
function needsTwin(options: UpdateOptions): boolean {
  return options.startBy !== undefined || options.file !== undefined || isFromRepository(options);
}

/** An update with a time to begin by needs no more than that and an hour. */
function defaultTimeoutMs({ apply, startBy }: UpdateOptions, now: Date): number {
  if (startBy !== undefined) return startBy.getTime() - now.getTime() + hourMs;
  return apply === "window" || apply === "manual" ? heldTimeoutMs : hourMs;
}

function futureTime(text: string, now: Date): Date {
  const at = time(text, now);
  if (at > now) return at;
  throw new InvalidArgumentError(`Expected a time in the future; now is ${now.toISOString()}.`);
}

interface AcceptedUpdate extends Accepted {
  readonly details: { readonly already: boolean };
  /** The version that runs once the update is proven. */
  readonly version: string;
  /** The version of the desired properties that declare it; null when a method call requested it. */
  readonly desiredVersion: number | null;
}

/** Calls the board, which must be online. */
async function callBoard(client: HubClient, target: Target, request: UpdateRequest): Promise<AcceptedUpdate> {
  const payload = toMethodPayload(request);
  const { operationId } = request;
  const response = await invokeMethod(client, target, { method: "firmwareUpdate", payload, operationId });
  const { message, already, repeated } = response;
  return {
    // A board that already runs this update may know it by the id of an earlier request.
    operationId: response.operationId ?? operationId,
    message,
    repeated,
    details: { already },
    version: expectedVersion(request),
    desiredVersion: null,
  };
}

/** Declares it in the desired properties, where the board reads it when it is online. */
async function declare(client: HubClient, target: Target, request: UpdateRequest): Promise<AcceptedUpdate> {
  const { desired } = parseBoardView(await client.patchTwin(target, { desired: toDesiredProperties(request) }));
  return {
    operationId: request.operationId,
    message: `Firmware declared for ${targetName(target)} in its desired properties, version ${desired.version}`,
    repeated: false,
    details: { already: false },
    version: expectedVersion(request),
    desiredVersion: desired.version,
  };
}
