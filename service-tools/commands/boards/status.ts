import type { Command } from "commander";
import { isJsonObject, type JsonObject } from "../../../agent/contract/json.ts";
import { boardViewFrom } from "../../boards/board-view.ts";
import { summaryOf } from "../../boards/summary.ts";
import { nameOf } from "../../hub-client/hub-client.ts";
import { renderRecord } from "../../cli/output.ts";
import { patiently } from "../../cli/retry.ts";
import type { World } from "../../cli/context.ts";
import { targetOf, withTargetOptions, type TargetOptions } from "../options.ts";
import { printResult } from "../result.ts";
import { withHub } from "../../cli/with-hub.ts";

/** `boardkeeper status` */
export function addStatus(program: Command, world: World): void {
  withTargetOptions(program.command("status"))
    .description("how a board is: link, versions, update, reboot")
    .action((options: TargetOptions) =>
      withHub(world, options, async (client) => {
        const target = targetOf(options);
        const twin = await patiently(world, client.address, () => client.twin(target));
        const summary = summaryOf(nameOf(target), boardViewFrom(twin));
        printResult(world.out, options.output, {
          json: statusDocument(twin),
          text: `${renderRecord("table", summary)}\n`,
        });
      }),
    );
}

/** The identity's state as the hub has it, and the agent's own section of the twin, whole. */
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
