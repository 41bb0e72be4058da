import { Argument, type Command } from "commander";
import { isJsonObject } from "../../../agent/contract/json.ts";
import type { UpdatePhase } from "../../../agent/contract/snapshot.ts";
import { parseBoardView, type BoardView } from "../../boards/board-view.ts";
import { invokeMethod } from "../../boards/invoke-method.ts";
import { RefusedByDevice, UsageError } from "../../cli/errors.ts";
import { withHub, type Context } from "../../context.ts";
import { targetFlags, targetName, type HubClient, type Target } from "../../hub-client/hub-client.ts";
import { operationName, targetOf, withTargetOptions, type TargetOptions } from "../options.ts";
import { printCancelled, type OperationKind } from "./operation-output.ts";

interface CancelOptions extends TargetOptions {
  readonly operationId?: string;
}

const methodOf = { reboot: "cancelReboot", update: "cancelFirmwareUpdate" } as const;

/** `boardkeeper cancel` */
export function addCancel(program: Command, context: Context): void {
  withTargetOptions(program.command("cancel"))
    .description("cancel a reboot that has not started, or an update whose image is not installed yet")
    .addArgument(
      new Argument("[what]", "which of the two (default: the one that is pending)").choices(["reboot", "update"]),
    )
    .option("--operation-id <id>", "only the operation with this id", operationName)
    .action((what: OperationKind | undefined, options: CancelOptions) =>
      withHub(context, options, (client) => cancel(context, client, what, options)),
    );
}

async function cancel(
  context: Context,
  client: HubClient,
  named: OperationKind | undefined,
  options: CancelOptions,
): Promise<void> {
  const target = targetOf(options);
  const what = named ?? (await pendingOperation(client, target));
  const payload = options.operationId === undefined ? {} : { operationId: options.operationId };
  const { message, operationId } = await invokeMethod(client, target, { method: methodOf[what], payload });
  printCancelled(context, options.output, target, { operationId, what, message });
}

/** Asks the board itself, because its twin may be older. */
async function pendingOperation(client: HubClient, target: Target): Promise<OperationKind> {
  const { status, payload } = await invokeMethod(client, target, { method: "getStatus", payload: {} });
  const state = isJsonObject(payload) ? payload : {};
  const pending = pendingOperations(parseBoardView({ properties: { reported: { boardkeeper: state } } }));
  const [only, another] = pending;
  const board = targetName(target);
  if (only === undefined) {
    const message = `Nothing to cancel on ${board}: no reboot is pending and no update is running.`;
    throw new RefusedByDevice(message, { status, payload });
  }
  if (another === undefined) return only;
  const flags = targetFlags(target);
  throw new UsageError(`${board} has both a reboot and an update. Name the one to cancel.`, {
    advice: `boardkeeper cancel ${flags} reboot\nor: boardkeeper cancel ${flags} update`,
  });
}

/** Phases in which the update has nothing left to do. */
const endedPhases: ReadonlySet<UpdatePhase> = new Set(["idle", "completed", "failed", "rolledBack", "cancelled"]);

/** What could be cancelled. The board decides whether it is too late. */
function pendingOperations({ reboot, update }: BoardView): readonly OperationKind[] {
  // A reboot without an id belongs to an update; the update would have to be cancelled.
  const isRebootPending = ["scheduled", "waiting", "rebooting"].includes(reboot.phase) && reboot.operationId !== null;
  return [
    ...(isRebootPending ? (["reboot"] as const) : []),
    ...(endedPhases.has(update.phase) ? [] : (["update"] as const)),
  ];
}
