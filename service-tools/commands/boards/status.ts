import type { Command } from "commander";
import { isJsonObject, type JsonObject } from "../../../agent/contract/json.ts";
import { askStatus } from "../../boards/ask-status.ts";
import { parseBoardView, type BoardView } from "../../boards/board-view.ts";
import { formatStatus } from "../../boards/format-status.ts";
import { formatRecord, printResult } from "../../cli/output.ts";
import { retryRead } from "../../cli/retry.ts";
import { withHub, type Context } from "../../context.ts";
import type { HubClient, Target } from "../../hub-client/hub-client.ts";
import { targetOf, withTargetOptions, type TargetOptions } from "../options.ts";

/** `boardkeeper status` */
export function addStatus(program: Command, context: Context): void {
  withTargetOptions(program.command("status"))
    .description("show the state of a board: link, versions, update, reboot")
    .action((options: TargetOptions) =>
      withHub(context, options, async (client) => {
        const target = targetOf(options);
        const { timer, interrupted, err } = context;
        const intervalMs = context.pollIntervalMs(client.address);
        const twin = await retryRead(() => client.getTwin(target), { intervalMs, timer, interrupted, err });
        const { view, reporting } = await presentState(client, target, twin);
        printResult(context.out, options.output, {
          json: { ...statusDocument(twin), reporting },
          text: `${formatRecord(formatStatus(target, view, reporting))}\n`,
        });
      }),
    );
}

/**
 * The state of a board, from itself where its twin does not take its reports. `reporting` says why the twin does not hold
 * everything; null where it does, and where nobody knows. Only `isTwinComplete` says that it does.
 */
export async function presentState(
  client: Pick<HubClient, "callMethod">,
  target: Target,
  twin: JsonObject,
): Promise<{ readonly view: BoardView; readonly reporting: string | null; readonly isTwinComplete: boolean }> {
  const view = parseBoardView(twin);
  const said = view.connected ? await askStatus(client, target, twin) : undefined;
  if (said === undefined) return { view, reporting: null, isTwinComplete: false };
  const { isTwinStale, isTwinComplete, reporting } = said;
  return { view: isTwinStale ? said.view : view, reporting, isTwinComplete };
}

/** What programs get: the identity's state in the hub, and the whole section of the twin that the agent reports. */
export function statusDocument(twin: JsonObject): JsonObject {
  const properties = isJsonObject(twin["properties"]) ? twin["properties"] : {};
  const reported = isJsonObject(properties["reported"]) ? properties["reported"] : {};
  return {
    deviceId: twin["deviceId"] ?? null,
    moduleId: twin["moduleId"] ?? null,
    status: twin["status"] ?? null,
    connectionState: twin["connectionState"] ?? null,
    lastActivityTime: twin["lastActivityTime"] ?? null,
    boardkeeper: reported["boardkeeper"] ?? null,
  };
}
