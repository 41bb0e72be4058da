import type { Failure } from "../../agent/contract/failure.ts";
import { nameOf, targetFlags, type Target } from "../hub-client/hub-client.ts";
import type { Outcome } from "./outcome.ts";
import type { UpdateEnd } from "./update-tracker.ts";

/** What to say of an update's end. */
export function updateOutcome(target: Target, end: UpdateEnd): Outcome {
  const board = nameOf(target);
  const look = `Look at the board: boardkeeper status ${targetFlags(target)}`;
  switch (end.kind) {
    case "completed": {
      const sentence = end.already
        ? `${board} runs ${end.version}. This update was asked for before: nothing was done twice.`
        : `${board} runs ${end.version}, proven healthy after the update.`;
      return { isGood: true, sentence, details: { ...end } };
    }
    case "rehearsed":
      return {
        isGood: true,
        sentence: `${board} has rehearsed an update: every phase was walked, nothing was installed.`,
        details: { ...end },
      };
    case "unproven":
      return {
        ...bad(
          end.rehearsal
            ? `${board} only rehearsed this update: nothing was installed.`
            : `${board} says that the update is completed, but not that its version was proven.`,
        ),
        advice: look,
        details: { ...end },
      };
    case "failed":
      return {
        ...bad(`The update of ${board} failed${during(end.error)}. ${why(end.error)}`),
        details: withError(end),
      };
    case "rolledBack":
      return {
        ...bad(`${board} is back on its old system: the new one was not proven. ${why(end.error)}`),
        details: withError(end),
      };
    case "cancelled":
      return { ...bad(`The update of ${board} was cancelled; the old system was not touched.`), details: { ...end } };
    case "superseded":
      return {
        ...bad(
          `The update of ${board} was not seen to its end: ${end.by === null ? "the board no longer tells of it" : `another one has taken its place (${end.by})`}.`,
        ),
        advice: look,
        details: { ...end },
      };
    case "refused":
      return {
        isGood: false,
        failure: "refused",
        sentence: `${board} refused the declared update (${end.code}): ${end.message}`,
        details: { ...end },
      };
  }
}

function bad(sentence: string): { readonly isGood: false; readonly failure: "failed"; readonly sentence: string } {
  return { isGood: false, failure: "failed", sentence };
}

function during(error: Failure | null): string {
  return error === null || error.during === "" ? "" : ` while ${error.during}`;
}

function why(error: Failure | null): string {
  return error === null ? "It does not say why." : `${error.message} (${error.code})`;
}

function withError({ kind, error }: { readonly kind: string; readonly error: Failure | null }): Outcome["details"] {
  return { kind, error: error && { ...error } };
}
