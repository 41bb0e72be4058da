import { boardViewFrom } from "../../boards/board-view.ts";
import { rebootMessage, updateMessage } from "../../boards/format-twin-changes.ts";
import type { HubClient, Target } from "../../hub-client/hub-client.ts";
import type { Format } from "../../cli/output.ts";
import type { World } from "../../cli/context.ts";
import { printResult } from "../result.ts";

type What = "reboot" | "update";

/** For a request that the board has answered before: its first answer, given again, speaks of the past. */
export function askedBefore(what: What): string {
  return `This ${what} was asked for before, and is not done twice`;
}

/** Prints that, and how the operation stands as the twin tells it. */
export async function printRepeated(
  { out }: Pick<World, "out">,
  format: Format,
  client: HubClient,
  target: Target,
  what: What,
  operationId: string,
): Promise<void> {
  const { reboot, update } = boardViewFrom(await client.twin(target));
  const { phase, operationId: present } = what === "reboot" ? reboot : update;
  const isPresent = present === operationId;
  const stands = what === "reboot" ? rebootMessage(reboot, false) : updateMessage(update, false);
  const message = `${askedBefore(what)}. ${isPresent ? `How it stands: ${stands}` : "The board tells of another one since"}`;
  printResult(out, format, {
    json: {
      deviceId: target.deviceId,
      moduleId: target.moduleId ?? null,
      operationId,
      outcome: "accepted",
      repeated: true,
      phase: isPresent ? phase : null,
      message,
    },
    text: `${message} (${operationId})\n`,
  });
}
