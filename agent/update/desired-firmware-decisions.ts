import type { ErrorResponse, Validated } from "../contract/error-response.ts";
import type { Decision } from "../state/ports.ts";
import type { UpdateSlice } from "./job.ts";
import { isCancellable, isRunning, step } from "./machine.ts";
import { compareWithInstalled, versionInUseMessage } from "./request-decisions.ts";
import type { ParsedUpdateRequest } from "./validate-request.ts";

/* Decides about the desired `firmware` document from the saved state. Pure, as request-decisions.ts is for methods. */

/** A desired `firmware` document: its identity and the request in it. */
export interface DesiredFirmware {
  /** The digest of its content, independent of key order and `$version`. */
  readonly identity: string;
  readonly desiredVersion: number;
  readonly parsed: Validated<ParsedUpdateRequest>;
}

export type DesiredOutcome =
  | { readonly kind: "alreadyHandled" | "accepted" | "alreadyInstalled" | "mustWait" | "withdrawn" }
  | { readonly kind: "refused"; readonly refusal: ErrorResponse };

/**
 * A desired `firmware` document. Each content is handled once, however often it is delivered: an update that was done,
 * failed, cancelled, refused or replaced is not started again.
 */
export function decideDesired(
  saved: UpdateSlice,
  { identity, desiredVersion, parsed }: DesiredFirmware,
  currentVersion: string | null,
  at: string,
): Decision<UpdateSlice, DesiredOutcome> {
  const { update, handledDesired } = saved;
  if (handledDesired?.identity === identity) return { answer: { kind: "alreadyHandled" } };
  const handledNow = { identity, desiredVersion, refused: null };

  if (!parsed.ok) {
    const { code, message } = parsed.error;
    return {
      change: { handledDesired: { ...handledNow, refused: { code, message } } },
      answer: { kind: "refused", refusal: parsed.error },
    };
  }
  const { job } = parsed.value;
  const running = isRunning(update);
  const replaces = running && update.job.origin === "desired" && isCancellable(update);
  if (running && !replaces) return { answer: { kind: "mustWait" } };

  const comparison = compareWithInstalled(saved, job, currentVersion);
  const afterCancel = replaces ? (step(update, { type: "cancelled", at }) ?? update) : update;
  if (comparison === "versionInUse") {
    const refusal: ErrorResponse = { status: 409, code: "version-in-use", message: versionInUseMessage(job) };
    const refused = { code: refusal.code, message: refusal.message };
    const change = { handledDesired: { ...handledNow, refused }, ...(replaces ? { update: afterCancel } : {}) };
    return { change, answer: { kind: "refused", refusal } };
  }
  if (comparison === "installed") {
    return {
      change: { handledDesired: handledNow, ...(replaces ? { update: afterCancel } : {}) },
      answer: { kind: "alreadyInstalled" },
    };
  }
  const accepted = step(afterCancel, { type: "accepted", job, at });
  return { change: { handledDesired: handledNow, update: accepted ?? afterCancel }, answer: { kind: "accepted" } };
}

/**
 * The desired properties have no `firmware`. A declared update that has not begun to change the board is cancelled, and its
 * document forgotten, so that declaring it again starts it. One that has ended stays known, and ended.
 */
export function decideNoDesired(saved: UpdateSlice, at: string): Decision<UpdateSlice, DesiredOutcome> {
  const { update, handledDesired } = saved;
  const isDeclared = isRunning(update) && update.job.origin === "desired";
  const cancelled = isDeclared ? step(update, { type: "cancelled", at }) : undefined;
  if (cancelled !== undefined)
    return { change: { update: cancelled, handledDesired: null }, answer: { kind: "withdrawn" } };
  const answer = { kind: "alreadyHandled" } as const;
  if (handledDesired === null || handledDesired.refused === null) return { answer };
  return { change: { handledDesired: { ...handledDesired, refused: null } }, answer };
}
