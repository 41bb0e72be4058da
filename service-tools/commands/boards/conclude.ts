import { errorOf, type Outcome } from "../../watch/outcome.ts";
import type { Target } from "../../hub-client/hub-client.ts";
import type { Format } from "../../cli/output.ts";
import type { World } from "../../cli/context.ts";
import { printResult } from "../result.ts";

/**
 * Prints how an operation ended; a bad end is an error, which takes the document for programs along.
 * @throws OperationFailed or RefusedByDevice for a bad end
 */
export function conclude(
  { out }: Pick<World, "out">,
  output: Format,
  { target, operationId }: { readonly target: Target; readonly operationId: string },
  outcome: Outcome,
): void {
  const { kind, ...details } = outcome.details;
  const json = {
    deviceId: target.deviceId,
    moduleId: target.moduleId ?? null,
    operationId,
    outcome: kind ?? null,
    ...details,
    message: outcome.sentence,
  };
  if (!outcome.isGood) {
    const error = errorOf(outcome);
    error.document = json;
    throw error;
  }
  printResult(out, output, { json, text: `${outcome.sentence}\n` });
}
