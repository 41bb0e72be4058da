import type { Json, JsonObject } from "../../../agent/contract/json.ts";
import { parseBoardView } from "../../boards/board-view.ts";
import { formatReboot, formatUpdate } from "../../boards/format-twin-changes.ts";
import { printResult, type Format } from "../../cli/output.ts";
import type { Context } from "../../context.ts";
import { targetFlags, type HubClient, type Target } from "../../hub-client/hub-client.ts";
import { outcomeError, type Outcome } from "../../watch/outcome.ts";

/* What the commands that begin, apply or cancel an operation print at their end. */

export type OperationKind = "reboot" | "update";

/** A request that the board has accepted. */
export interface Accepted {
  /** Null when a program other than ours answered without one. */
  readonly operationId: string | null;
  /** The board's own sentence. */
  readonly message: string;
  /** The board had answered this very request before: `message` is its first answer again. */
  readonly repeated: boolean;
  /** More that programs get. */
  readonly details: JsonObject;
}

/** For the case that `Accepted.repeated` is true. */
export function alreadyRequested(what: OperationKind): string {
  return `This ${what} was requested before and is not done twice`;
}

/** Prints that the operation has begun, and how to watch it. */
export function printAccepted(
  { out, err }: Pick<Context, "out" | "err">,
  format: Format,
  target: Target,
  { operationId, message, details }: Accepted,
): void {
  printResult(out, format, {
    json: operationDocument(target, { operationId, outcome: "accepted", details, message }),
    text: withId(message, operationId),
  });
  err.write(`Watch it with: boardkeeper watch ${targetFlags(target)}\n`);
}

/** Prints that the operation was requested before, and its present state as the twin has it. */
export async function printRepeated(
  { out }: Pick<Context, "out">,
  format: Format,
  client: HubClient,
  target: Target,
  what: OperationKind,
  operationId: string,
): Promise<void> {
  const { reboot, update } = parseBoardView(await client.getTwin(target));
  const { phase, operationId: reportedId } = what === "reboot" ? reboot : update;
  const isReported = reportedId === operationId;
  const state = what === "reboot" ? formatReboot(reboot, false) : formatUpdate(target, update, false);
  const message = `${alreadyRequested(what)}. ${isReported ? `Its state: ${state}` : "The board now reports another one"}`;
  const details = { repeated: true, phase: isReported ? phase : null };
  printResult(out, format, {
    json: operationDocument(target, { operationId, outcome: "accepted", details, message }),
    text: withId(message, operationId),
  });
}

/** Prints that an operation was cancelled. */
export function printCancelled(
  { out }: Pick<Context, "out">,
  format: Format,
  target: Target,
  { operationId, what, message }: Pick<Accepted, "operationId" | "message"> & { readonly what: OperationKind },
): void {
  printResult(out, format, {
    json: operationDocument(target, { operationId, outcome: "cancelled", details: { what }, message }),
    text: withId(message, operationId),
  });
}

/**
 * Prints how an operation ended.
 * @throws OperationFailed or RefusedByDevice for a bad end, with the document for programs
 */
export function printOutcome(
  { out }: Pick<Context, "out">,
  format: Format,
  { target, operationId }: { readonly target: Target; readonly operationId: string },
  outcome: Outcome,
): void {
  const { message } = outcome;
  const { kind = null, ...details } = outcome.details;
  const json = operationDocument(target, { operationId, outcome: kind, details, message });
  if (!outcome.isGood) {
    const error = outcomeError(outcome);
    error.document = json;
    throw error;
  }
  printResult(out, format, { json, text: `${message}\n` });
}

interface OperationResult {
  readonly operationId: string | null;
  readonly outcome: Json;
  readonly details: JsonObject;
  readonly message: string;
}

/** What programs get about an operation. docs/cli.md lists the keys. */
function operationDocument(target: Target, { operationId, outcome, details, message }: OperationResult): JsonObject {
  const { deviceId, moduleId } = target;
  return { deviceId, moduleId: moduleId ?? null, operationId, outcome, ...details, message };
}

function withId(message: string, operationId: string | null): string {
  return `${message}${operationId === null ? "" : ` (${operationId})`}\n`;
}
