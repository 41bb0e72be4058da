import type { ErrorResponse, Validated } from "../contract/error-response.ts";
import { failure, type Failure } from "../contract/failure.ts";
import type { Decision } from "../state/ports.ts";
import { handledOperation, hasNewAddress, operationOf, repeatedOperation } from "./declared-operation.ts";
import type { ActiveUpdate, DeclaredOperation, Job, UpdateSlice } from "./job.ts";
import { changeJob } from "./job-changes.ts";
import { isRunning, step } from "./machine.ts";
import { compareWithInstalled, versionInUseMessage } from "./request-decisions.ts";
import { isTrustRefusal } from "./trust-refusal.ts";
import type { ParsedUpdateRequest } from "./validate-request.ts";

/* Decides about the desired `firmware` document from the saved state. Pure, as request-decisions.ts is for methods. */

/** A desired `firmware` document: its content and the request in it. */
export interface DesiredFirmware {
  /** The digest of its content, independent of key order and `$version`. */
  readonly identity: string;
  readonly desiredVersion: number;
  readonly parsed: Validated<ParsedUpdateRequest>;
  /** Why its image may not be installed, by the metadata on this board. It counts where the document would start an update. */
  readonly refusal?: ErrorResponse | undefined;
}

/**
 * `changed`: a running update goes on as the document now says. `noEffect`: its update has ended, or cannot change any more.
 * `replaced`: the update before it has made room; the same document must be decided once more.
 */
export type DesiredOutcome =
  | {
      readonly kind:
        | "alreadyHandled"
        | "accepted"
        | "alreadyInstalled"
        | "changed"
        | "noEffect"
        | "mustWait"
        | "replaced"
        | "withdrawn";
    }
  | { readonly kind: "refused"; readonly refusal: ErrorResponse };

type DesiredDecision = Decision<UpdateSlice, DesiredOutcome>;
type HandledDesired = NonNullable<UpdateSlice["handledDesired"]>;

/**
 * A desired `firmware` document. Each operation is handled once, however often its document is delivered or changed: an update
 * that was done, failed, cancelled or replaced is not started again.
 */
export function decideDesired(
  saved: UpdateSlice,
  { identity, desiredVersion, parsed, refusal }: DesiredFirmware,
  currentVersion: string | null,
  at: string,
): DesiredDecision {
  const { handledDesired } = saved;
  if (handledDesired?.identity === identity && !isTrustedNow(handledDesired, parsed, refusal))
    return handledBefore(handledDesired, parsed);
  if (!parsed.ok) return refuse(saved, { identity, desiredVersion }, parsed.error);
  const handledNow = { identity, desiredVersion, refused: null };
  const repeated = repeatedOperation(saved, parsed.value);
  if (repeated === undefined || mustStartAgain(saved, repeated, parsed.value.job))
    return decideNew(saved, handledNow, { job: parsed.value.job, refusal }, currentVersion, at);
  return decideChanged(saved, { ...handledNow, operation: repeated }, parsed.value.job);
}

/** The same content as before. What a release before `operation` has handled gets its operation noted. */
function handledBefore(handled: HandledDesired, parsed: DesiredFirmware["parsed"]): DesiredDecision {
  const answer = { kind: "alreadyHandled" } as const;
  if (handled.operation !== undefined || handled.refused !== null || !parsed.ok) return { answer };
  return { change: { handledDesired: { ...handled, operation: operationOf(parsed.value.job) } }, answer };
}

/** A document that was refused for whom the board trusts counts as soon as it is not: owner or publisher have changed that. */
function isTrustedNow(
  { refused }: HandledDesired,
  parsed: DesiredFirmware["parsed"],
  refusal: ErrorResponse | undefined,
): boolean {
  return refused !== null && isTrustRefusal(refused.code) && parsed.ok && refusal === undefined;
}

/** An update that failed while it was fetched is tried at a new address. */
function mustStartAgain({ update }: UpdateSlice, operation: DeclaredOperation, job: Job): boolean {
  const isFetchFailed = update.phase === "failed" && update.error.during === "downloading";
  return isFetchFailed && update.job.operationId === operation.operationId && hasNewAddress(update.job, job);
}

/** Another content for an operation that was handled: it takes effect while the board is unchanged, and never starts anything. */
function decideChanged({ update }: UpdateSlice, handledDesired: HandledDesired, job: Job): DesiredDecision {
  const isOfDocument =
    isRunning(update) &&
    update.job.origin === "desired" &&
    update.job.operationId === handledDesired.operation?.operationId;
  const changed = isOfDocument ? changeJob(update, job) : undefined;
  if (changed === undefined) return { change: { handledDesired }, answer: { kind: "noEffect" } };
  return { change: { handledDesired, update: changed }, answer: { kind: "changed" } };
}

/** An operation that was not handled before, or has to start again. */
function decideNew(
  saved: UpdateSlice,
  handledNow: HandledDesired,
  { job, refusal }: { readonly job: Job; readonly refusal: ErrorResponse | undefined },
  currentVersion: string | null,
  at: string,
): DesiredDecision {
  const { update } = saved;
  if (isRunning(update)) return makeRoom(update, job, at);
  const handledDesired = { ...handledNow, operation: operationOf(job) };
  switch (compareWithInstalled(saved, job, currentVersion)) {
    case "versionInUse":
      return refuse(saved, handledNow, { status: 409, code: "version-in-use", message: versionInUseMessage(job) });
    case "installed":
      return { change: { handledDesired }, answer: { kind: "alreadyInstalled" } };
    case "different": {
      if (refusal !== undefined) return refuse(saved, handledNow, refusal);
      const accepted = step(update, { type: "accepted", job, at });
      return { change: { handledDesired, update: accepted ?? update }, answer: { kind: "accepted" } };
    }
  }
}

/**
 * Cancels a declared update that has not begun to change the board. A save of its own, so that its end reaches history, log and
 * twin. Nothing is noted as handled: after a power cut, whatever is declared then is decided on a board that has nothing to do.
 */
function makeRoom(update: ActiveUpdate, job: Job, at: string): DesiredDecision {
  const isDeclared = update.job.origin === "desired";
  const cancelled = isDeclared ? step(update, { type: "cancelled", at, error: replacedBy(job, update) }) : undefined;
  if (cancelled === undefined) return { answer: { kind: "mustWait" } };
  return { change: { update: cancelled, handledDesired: null }, answer: { kind: "replaced" } };
}

/** A refused document is remembered with the reason. The operation before it stays known, and its update as it is. */
function refuse(
  saved: UpdateSlice,
  { identity, desiredVersion }: Pick<HandledDesired, "identity" | "desiredVersion">,
  refusal: ErrorResponse,
): DesiredDecision {
  const { code, message } = refusal;
  const handledDesired = { identity, desiredVersion, refused: { code, message }, operation: handledOperation(saved) };
  return { change: { handledDesired }, answer: { kind: "refused", refusal } };
}

/**
 * The desired properties have no `firmware`. A declared update that has not begun to change the board is cancelled, and its
 * document forgotten, so that declaring it again starts it. One that has ended stays known, and ended.
 */
export function decideNoDesired(saved: UpdateSlice, at: string): DesiredDecision {
  const { update, handledDesired } = saved;
  const isDeclared = isRunning(update) && update.job.origin === "desired";
  const cancelled = isDeclared ? step(update, { type: "cancelled", at, error: withdrawn(update) }) : undefined;
  if (cancelled !== undefined)
    return { change: { update: cancelled, handledDesired: null }, answer: { kind: "withdrawn" } };
  const answer = { kind: "alreadyHandled" } as const;
  if (handledDesired === null || handledDesired.refused === null) return { answer };
  return { change: { handledDesired: { ...handledDesired, refused: null } }, answer };
}

/* Why nobody but the desired properties has cancelled an update: the twin says it. */

function withdrawn({ job, phase }: ActiveUpdate): Failure {
  const message = `The firmware section that declared the update to ${job.version} was withdrawn while it was ${phase}. The board is unchanged. Declare it again to start it.`;
  return failure("withdrawn", phase, message);
}

function replacedBy({ version }: Job, { job, phase }: ActiveUpdate): Failure {
  const message = `Another firmware section (${version}) took the place of the one that declared the update to ${job.version} while it was ${phase}. The board is unchanged. To have this update, declare it again.`;
  return failure("replaced", phase, message);
}
