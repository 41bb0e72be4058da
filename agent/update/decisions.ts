import type { MethodReply } from "../contract/methods.ts";
import { errorReply, type Validated, type ErrorResponse } from "../contract/error-response.ts";
import type { Decision } from "../state/ports.ts";
import type { Job, UpdateSlice } from "./job.ts";
import { isCancellable, isRunning, step } from "./machine.ts";
import { isSameImage, type ParsedUpdateRequest } from "./request.ts";

/* What a request about updates comes to, given what is saved. Pure: the store takes these decisions one at a time. */

/**
 * What the board already is to a job. `done`: it runs that image, as far as can be told. `taken`: it runs another image
 * under the same version, so that nothing could prove the new one. A board that was flashed by hand since its last
 * update is compared by what it runs, not by what it remembers.
 */
function compareWithInstalled(
  { lastProven }: UpdateSlice,
  job: Job,
  currentVersion: string | null,
): "different" | "installed" | "versionInUse" {
  if (job.rehearsal) return "different";
  if (currentVersion === null) return lastProven !== null && isSameImage(lastProven, job) ? "installed" : "different";
  if (currentVersion !== job.version) return "different";
  return lastProven?.version === job.version && lastProven.sha256 !== job.sha256 ? "versionInUse" : "installed";
}

/**
 * `firmwareUpdate`: starts the job, or says that it is running or done already, or that another one is in the way.
 * @param currentVersion the version that runs; null when it cannot be told
 */
export function decideUpdate(
  saved: UpdateSlice,
  { job, callerGaveId }: ParsedUpdateRequest,
  currentVersion: string | null,
  at: string,
): Decision<UpdateSlice, MethodReply> {
  const { update, lastProven } = saved;
  const isThis = (other: { operationId: string; version: string; sha256: string | null }): boolean =>
    callerGaveId ? other.operationId === job.operationId : isSameImage(other, job);
  if (isRunning(update)) {
    if (isThis(update.job))
      return alreadyReply(update.job.operationId, `This update is running already (${update.phase}).`);
    return rejection({
      status: 409,
      code: "update-running",
      message: `Another update is running (${update.job.operationId}, ${update.job.rehearsal ? "a rehearsal" : `to ${update.job.version}`}, ${update.phase}). Wait for it, or cancel it with cancelFirmwareUpdate.`,
    });
  }
  const stands = compareWithInstalled(saved, job, currentVersion);
  const { operationId } = job;
  if (stands === "versionInUse")
    return rejection({ status: 409, code: "version-in-use", message: versionInUseMessage(job) });
  if (stands === "installed") {
    return lastProven?.version === job.version
      ? alreadyReply(lastProven.operationId, `This update was done and proven at ${lastProven.at}.`)
      : alreadyReply(operationId, `The board runs ${job.version} already.`);
  }
  return {
    change: { update: step(update, { type: "accepted", job, at }) ?? update },
    answer: { status: 200, payload: { Response: "Firmware update started", operationId } },
  };
}

/** `applyFirmwareUpdate`: the order for a staged image that waits for it, or for its window. */
export function decideApply(
  { update }: UpdateSlice,
  operationId: string | undefined,
): Decision<UpdateSlice, MethodReply> {
  if (update.phase !== "staged" || !isMeantFor(update.job, operationId)) {
    return rejection({
      status: 404,
      code: "nothing-staged",
      message: "No staged update waits to be applied. Ask for one with firmwareUpdate.",
    });
  }
  const job = { ...update.job, apply: "now" as const };
  return {
    change: { update: { ...update, job } },
    answer: { status: 200, payload: { Response: "Firmware update is being applied", operationId: job.operationId } },
  };
}

/** `cancelFirmwareUpdate`: possible until the board is being changed. */
export function decideCancel(
  { update }: UpdateSlice,
  operationId: string | undefined,
  at: string,
): Decision<UpdateSlice, MethodReply> {
  if (!isRunning(update) || !isMeantFor(update.job, operationId)) {
    return rejection({
      status: 404,
      code: "nothing-running",
      message: "No such update is running: there is nothing to cancel.",
    });
  }
  const cancelled = step(update, { type: "cancelled", at });
  if (cancelled === undefined) {
    return rejection({
      status: 409,
      code: "too-late",
      message: `Too late to cancel: the update is ${update.phase}. It ends by itself, proven or back on the old system.`,
    });
  }
  return {
    change: { update: cancelled },
    answer: { status: 200, payload: { Response: "Firmware update cancelled", operationId: update.job.operationId } },
  };
}

/** A desired `firmware` document as it was read: what it is, and what it asks for. */
export interface DesiredFirmware {
  /** The digest of its content: the same for the same content, whatever its key order and `$version`. */
  readonly identity: string;
  readonly desiredVersion: number;
  readonly parsed: Validated<ParsedUpdateRequest>;
}

export type DesiredOutcome =
  | { readonly kind: "alreadyHandled" | "accepted" | "alreadyInstalled" | "mustWait" }
  | { readonly kind: "refused"; readonly refusal: ErrorResponse };

/**
 * A desired `firmware` document. Each content is looked at once, however often it is delivered: what was done, failed,
 * cancelled, refused, or overtaken by a method, is not started again by a replay.
 */
export function decideDesired(
  saved: UpdateSlice,
  { identity, desiredVersion, parsed }: DesiredFirmware,
  currentVersion: string | null,
  at: string,
): Decision<UpdateSlice, DesiredOutcome> {
  const { update, handledDesired } = saved;
  if (handledDesired?.identity === identity) return { answer: { kind: "alreadyHandled" } };
  const handled = { identity, desiredVersion, refused: null };

  if (!parsed.ok) {
    const { code, message } = parsed.error;
    return {
      change: { handledDesired: { ...handled, refused: { code, message } } },
      answer: { kind: "refused", refusal: parsed.error },
    };
  }
  const { job } = parsed.value;
  const running = isRunning(update);
  const gives = running && update.job.origin === "desired" && isCancellable(update);
  if (running && !gives) return { answer: { kind: "mustWait" } };

  const stands = compareWithInstalled(saved, job, currentVersion);
  const freed = gives ? (step(update, { type: "cancelled", at }) ?? update) : update;
  if (stands === "versionInUse") {
    const refusal: ErrorResponse = { status: 409, code: "version-in-use", message: versionInUseMessage(job) };
    const refused = { code: refusal.code, message: refusal.message };
    const change = { handledDesired: { ...handled, refused }, ...(gives ? { update: freed } : {}) };
    return { change, answer: { kind: "refused", refusal } };
  }
  if (stands === "installed") {
    return {
      change: { handledDesired: handled, ...(gives ? { update: freed } : {}) },
      answer: { kind: "alreadyInstalled" },
    };
  }
  const accepted = step(freed, { type: "accepted", job, at });
  return { change: { handledDesired: handled, update: accepted ?? freed }, answer: { kind: "accepted" } };
}

/** The desired properties have no `firmware` (any more): what was refused in it is of no interest now. */
export function decideNoDesired({ handledDesired }: UpdateSlice): Decision<UpdateSlice, DesiredOutcome> {
  const answer = { kind: "alreadyHandled" } as const;
  if (handledDesired === null || handledDesired.refused === null) return { answer };
  return { change: { handledDesired: { ...handledDesired, refused: null } }, answer };
}

function versionInUseMessage({ version }: Job): string {
  return `The board runs another image as ${version}: nothing could prove that this one came to run. Give each image a version of its own.`;
}

function alreadyReply(operationId: string, response: string): Decision<UpdateSlice, MethodReply> {
  return { answer: { status: 200, payload: { Response: response, operationId, already: true } } };
}

function rejection(refusal: ErrorResponse): Decision<UpdateSlice, MethodReply> {
  return { answer: errorReply(refusal) };
}

function isMeantFor(job: Job, operationId: string | undefined): boolean {
  return operationId === undefined || operationId === job.operationId;
}
