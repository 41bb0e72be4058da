import type { JsonObject } from "../../agent/contract/json.ts";
import { OperationFailed, RefusedByDevice } from "../cli/errors.ts";

/** How an operation ended, in words and for programs. */
export type Outcome = { readonly sentence: string; readonly details: JsonObject } & (
  | { readonly isGood: true }
  | {
      readonly isGood: false;
      /** Begun and ended badly, or never begun because the board said no. */
      readonly failure: "failed" | "refused";
      readonly advice?: string;
    }
);

/** The error that a bad end makes of the command. */
export function errorOf(outcome: Outcome & { readonly isGood: false }): OperationFailed | RefusedByDevice {
  const { failure, sentence, advice, details } = outcome;
  if (failure === "failed") return new OperationFailed(sentence, { advice });
  return new RefusedByDevice(sentence, { status: null, payload: details }, { advice });
}
