import type { Failure } from "../../agent/contract/failure.ts";
import type { JsonObject } from "../../agent/contract/json.ts";
import { formatRebootCause } from "../boards/format-twin-changes.ts";
import { OperationFailed, RefusedByDevice } from "../cli/errors.ts";
import { targetFlags, targetName, type Target } from "../hub-client/hub-client.ts";
import type { RebootEnd } from "./reboot-tracker.ts";
import type { UpdateEnd } from "./update-end.ts";

/** How an operation ended: `message` for people, `details` for programs (with the end's `kind`). */
export type Outcome = { readonly message: string; readonly details: JsonObject } & (
  | { readonly isGood: true }
  | {
      readonly isGood: false;
      /** `refused`: the board did not start it. */
      readonly failure: "failed" | "refused";
      readonly advice?: string;
    }
);

/** The error with which the command ends. */
export function outcomeError(outcome: Outcome & { readonly isGood: false }): OperationFailed | RefusedByDevice {
  const { failure, message, advice, details } = outcome;
  if (failure === "failed") return new OperationFailed(message, { advice });
  return new RefusedByDevice(message, { status: null, payload: details }, { advice });
}

export function rebootOutcome(target: Target, end: RebootEnd): Outcome {
  const board = targetName(target);
  switch (end.kind) {
    case "proven": {
      const { bootIdBefore, bootId, cause } = end;
      const how = cause === "requested" || cause === null ? "" : `, ${formatRebootCause(cause)}`;
      const proof = `Proven: boot ${shortBootId(bootIdBefore)} ended, boot ${shortBootId(bootId)} began.`;
      return { isGood: true, message: `${board} has rebooted${how}. ${proof}`, details: { ...end } };
    }
    case "unproven":
      return failed(
        `${board} reports that it has rebooted, but its boot id is still ${end.bootId ?? "unknown"}: the reboot is not proven.`,
        { ...end },
        checkBoard(target),
      );
    case "failed":
      return failed(`The reboot of ${board} failed. ${reasonOf(end.error)}`, withError(end));
    case "cancelled":
      return failed(`The reboot of ${board} was cancelled before it was due.`, { ...end });
    case "superseded":
      return failed(
        `The reboot of ${board} was not followed to its end: ${end.by === null ? "the board no longer reports it" : `the board now reports another one (${end.by})`}.`,
        { ...end },
        checkBoard(target),
      );
  }
}

export function updateOutcome(target: Target, end: UpdateEnd): Outcome {
  const board = targetName(target);
  switch (end.kind) {
    case "completed": {
      const message = end.already
        ? `${board} runs ${end.version}. This update was requested before; it was not done again.`
        : `${board} runs ${end.version}, proven healthy after the update.`;
      return { isGood: true, message, details: { ...end } };
    }
    case "installed":
      return {
        isGood: true,
        message: `${board} runs ${end.version} already, so nothing was installed. Its agent did not install it, so whether it is this very image is not known.`,
        details: { ...end },
      };
    case "rehearsed":
      return {
        isGood: true,
        message: `${board} has rehearsed an update: it went through every phase and installed nothing.`,
        details: { ...end },
      };
    case "unproven":
      return failed(
        end.rehearsal
          ? `${board} only rehearsed this update: nothing was installed.`
          : `${board} reports that the update is completed, but not that its version is proven.`,
        { ...end },
        checkBoard(target),
      );
    case "failed":
      return failed(
        `The update of ${board} failed${phaseOf(end.error)}. ${reasonOf(end.error)}`,
        withError(end),
        adviceOf(end),
      );
    case "rolledBack":
      return failed(
        `${board} is back on its old system: the new one was not proven. ${reasonOf(end.error)}`,
        withError(end),
        adviceOf(end),
      );
    case "cancelled":
      return failed(describeCancel(board, end.error), withError(end), adviceOf(end));
    case "superseded":
      return failed(
        `The update of ${board} was not followed to its end: ${end.by === null ? "the board no longer reports it" : `another one has replaced it (${end.by})`}.`,
        { ...end },
        checkBoard(target),
      );
    case "otherContent":
      return {
        isGood: false,
        failure: "refused",
        message: `${board} knows this operation id for an update to ${end.version}, so it does nothing for this request.`,
        advice: "Give the request an id of its own: leave --operation-id out, or change it.",
        details: { ...end },
      };
    case "refused":
      return {
        isGood: false,
        failure: "refused",
        message: `${board} refused the declared update (${end.code}): ${end.message}`,
        details: { ...end },
      };
  }
}

function describeCancel(board: string, error: Failure | null): string {
  if (error === null) return `The update of ${board} was cancelled; the old system is unchanged.`;
  const whoDidIt =
    error.code === "install-cancelled" ? `The update of ${board} was cancelled.` : `${board} has cancelled the update.`;
  return `${whoDidIt} ${reasonOf(error)}`;
}

function failed(message: string, details: JsonObject, advice?: string): Outcome {
  return { isGood: false, failure: "failed", message, details, ...(advice === undefined ? {} : { advice }) };
}

function checkBoard(target: Target): string {
  return `Check the board: boardkeeper status ${targetFlags(target)}`;
}

function adviceOf({ isFormer }: { readonly isFormer?: true }): string | undefined {
  if (isFormer === undefined) return undefined;
  return "It had ended so before, and an update that has ended does not start again. To try again, use another --operation-id.";
}

function phaseOf(error: Failure | null): string {
  return error === null || error.during === "" ? "" : ` while ${error.during}`;
}

function reasonOf(error: Failure | null): string {
  return error === null ? "The board gives no reason." : `${error.message} (${error.code})`;
}

function withError({ kind, error }: { readonly kind: string; readonly error: Failure | null }): JsonObject {
  return { kind, error: error && { ...error } };
}

/** Enough of a boot id for people to tell two boots apart; programs get all of it. */
function shortBootId(bootId: string): string {
  return bootId.slice(0, 8);
}
