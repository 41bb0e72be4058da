import type { JsonObject } from "../../../agent/contract/json.ts";
import { parseBoardView, type BoardView } from "../../boards/board-view.ts";
import type { Context } from "../../context.ts";
import type { HubClient, Target } from "../../hub-client/hub-client.ts";
import { followToEnd } from "../../watch/follow.ts";
import type { Outcome } from "../../watch/outcome.ts";
import type { Tracker } from "../../watch/tracker.ts";
import { targetOf, type TargetOptions, type WaitOptions } from "../options.ts";
import {
  alreadyRequested,
  printAccepted,
  printOutcome,
  printRepeated,
  type Accepted,
  type OperationKind,
} from "./operation-output.ts";

/** What differs between `reboot`, `update` and `apply`. */
export interface OperationRecipe<Request extends Accepted, Memory, End> {
  readonly what: OperationKind;
  /** Asks the board, or declares it in the desired properties. Called once. */
  readonly request: (target: Target) => Promise<Request>;
  /** @param before the board before the request */
  readonly tracker: (accepted: Request & { readonly operationId: string }, before: BoardView) => Tracker<Memory, End>;
  readonly outcomeOf: (target: Target, end: End) => Outcome;
  /** How long `--wait` waits without `--timeout`. */
  readonly defaultTimeoutMs: number;
  /** Reads the twin first even without `--wait`, so that an unknown device fails before `request` does any work. */
  readonly checksDeviceFirst?: boolean;
  /** Rejects where the board cannot be asked for this. Called before `request`, with the twin. */
  readonly checkBoard?: ((target: Target, twin: JsonObject) => Promise<void>) | undefined;
}

/**
 * Runs an operation on a board: request it, print that the board accepted it; with `--wait`, follow it to its end and
 * print the outcome.
 * @throws RefusedByDevice, OperationFailed, TimedOut, Interrupted, and the errors of HubClient; each has its exit code
 */
export async function runOperation<Request extends Accepted, Memory, End>(
  context: Context,
  client: HubClient,
  options: TargetOptions & WaitOptions,
  recipe: OperationRecipe<Request, Memory, End>,
): Promise<void> {
  const target = targetOf(options);
  const { what } = recipe;
  const waits = options.wait === true;
  const readsTwin = waits || recipe.checksDeviceFirst === true || recipe.checkBoard !== undefined;
  const twin = readsTwin ? await client.getTwin(target) : undefined;
  if (twin !== undefined) await recipe.checkBoard?.(target, twin);
  const before = twin && parseBoardView(twin);
  const accepted = await recipe.request(target);
  const { operationId, message, repeated } = accepted;
  if (!waits || before === undefined || operationId === null) {
    if (repeated && operationId !== null)
      await printRepeated(context, options.output, client, target, what, operationId);
    else printAccepted(context, options.output, target, accepted);
    return;
  }
  context.err.write(`${repeated ? alreadyRequested(what) : message} (${operationId})\n`);
  const outcome = await followToEnd(context, client, {
    target,
    what,
    tracker: recipe.tracker({ ...accepted, operationId }, before),
    timeoutMs: options.timeout ?? recipe.defaultTimeoutMs,
    outcomeOf: (end: End) => recipe.outcomeOf(target, end),
  });
  printOutcome(context, options.output, { target, operationId }, outcome);
}
