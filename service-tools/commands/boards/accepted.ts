import type { JsonObject } from "../../../agent/contract/json.ts";
import { targetFlags, type Target } from "../../hub-client/hub-client.ts";
import type { Format } from "../../cli/output.ts";
import type { World } from "../../cli/context.ts";
import { printResult } from "../result.ts";

/** Prints that something was begun that goes on by itself, and how to follow it. */
export function printAccepted(
  { out, err }: Pick<World, "out" | "err">,
  format: Format,
  target: Target,
  { operationId, message, ...more }: { readonly operationId: string | null; readonly message: string } & JsonObject,
): void {
  const { deviceId, moduleId } = target;
  printResult(out, format, {
    json: { deviceId, moduleId: moduleId ?? null, operationId, outcome: "accepted", ...more, message },
    text: `${message}${operationId === null ? "" : ` (${operationId})`}\n`,
  });
  err.write(`Follow it with: boardkeeper watch ${targetFlags(target)}\n`);
}
