import { Argument, type Command } from "commander";
import { isJsonObject } from "../../../agent/contract/json.ts";
import { askBoard } from "../../boards/invoke-method.ts";
import { boardViewFrom } from "../../boards/board-view.ts";
import { cancellable, type Cancellable } from "../../boards/cancellable.ts";
import { RefusedByDevice, UsageError } from "../../cli/errors.ts";
import { nameOf, targetFlags, type HubClient, type Target } from "../../hub-client/hub-client.ts";
import type { World } from "../../cli/context.ts";
import { operationName, targetOf, withTargetOptions, type TargetOptions } from "../options.ts";
import { printResult } from "../result.ts";
import { withHub } from "../../cli/with-hub.ts";

interface CancelOptions extends TargetOptions {
  readonly operationId?: string;
}

const methodOf = { reboot: "cancelReboot", update: "cancelFirmwareUpdate" } as const;

/** `boardkeeper cancel` */
export function addCancel(program: Command, world: World): void {
  withTargetOptions(program.command("cancel"))
    .description("take back a reboot or an update that has not begun to change the board")
    .addArgument(new Argument("[what]", "which of them (default: the one there is)").choices(["reboot", "update"]))
    .option("--operation-id <id>", "only if it is this one", operationName)
    .action((what: Cancellable | undefined, options: CancelOptions) =>
      withHub(world, options, (client) => cancel(world, client, what, options)),
    );
}

async function cancel(
  world: World,
  client: HubClient,
  given: Cancellable | undefined,
  options: CancelOptions,
): Promise<void> {
  const target = targetOf(options);
  const what = given ?? (await theOneThereIs(client, target));
  const payload = options.operationId === undefined ? {} : { operationId: options.operationId };
  const { response, operationId } = await askBoard(client, target, { method: methodOf[what], payload });
  printResult(world.out, options.output, {
    json: {
      deviceId: target.deviceId,
      moduleId: target.moduleId ?? null,
      operationId,
      outcome: "cancelled",
      what,
      message: response,
    },
    text: `${response}${operationId === null ? "" : ` (${operationId})`}\n`,
  });
}

/** The board itself is asked what it has in hand: its twin may lag behind. */
async function theOneThereIs(client: HubClient, target: Target): Promise<Cancellable> {
  const { status, payload } = await askBoard(client, target, { method: "getStatus", payload: {} });
  const state = isJsonObject(payload) ? payload : {};
  const inHand = cancellable(boardViewFrom({ properties: { reported: { boardkeeper: state } } }));
  const [only, another] = inHand;
  if (only === undefined) {
    throw new RefusedByDevice(
      `There is nothing to cancel on ${nameOf(target)}: no reboot is pending and no update is running.`,
      {
        status,
        payload,
      },
    );
  }
  if (another === undefined) return only;
  const flags = targetFlags(target);
  throw new UsageError(`${nameOf(target)} has a reboot and an update in hand: say which to cancel.`, {
    advice: `boardkeeper cancel ${flags} reboot\nor: boardkeeper cancel ${flags} update`,
  });
}
