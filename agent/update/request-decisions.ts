import type { ErrorResponse } from "../contract/error-response.ts";
import { errorReply, type MethodReply } from "../contract/method-reply.ts";
import type { Decision } from "../state/ports.ts";
import type { Job, UpdateSlice } from "./job.ts";
import { isRunning, step } from "./machine.ts";
import { isSameImage, type ImageName } from "./image-name.ts";
import type { ParsedUpdateRequest } from "./validate-request.ts";

/* Decides requests about updates from the saved state. Pure: the state store runs one decision at a time. */

/**
 * How the running system relates to a job. `installed`: it is that image, as far as can be told. `versionInUse`: another
 * image runs under the same version, so nothing could prove that the new one runs. The running version counts more than
 * the last update: the board may have been flashed by hand since.
 */
export function compareWithInstalled(
  { lastProven }: UpdateSlice,
  job: Job,
  currentVersion: string | null,
): "different" | "installed" | "versionInUse" {
  if (job.rehearsal) return "different";
  const isLastProven = lastProven !== null && isSameImage(lastProven, job);
  if (currentVersion === null) return isLastProven ? "installed" : "different";
  if (isLastProven && currentVersion === lastProven.version) return "installed";
  if (currentVersion !== job.version) return "different";
  return lastProven?.version === job.version ? "versionInUse" : "installed";
}

/**
 * `firmwareUpdate`: starts the job, or answers that it is running, done or blocked by another one.
 * @param currentVersion the version that runs; null when the installer cannot tell
 * @param refusal why the image may not be installed, by the metadata on this board
 */
export function decideUpdate(
  saved: UpdateSlice,
  { job, callerGaveId }: ParsedUpdateRequest,
  currentVersion: string | null,
  at: string,
  refusal?: ErrorResponse,
): Decision<UpdateSlice, MethodReply> {
  const { update, lastProven } = saved;
  const isSameRequest = (other: ImageName & { operationId: string }): boolean =>
    callerGaveId ? other.operationId === job.operationId : isSameImage(other, job);
  if (isRunning(update)) {
    if (isSameRequest(update.job))
      return alreadyReply(update.job.operationId, `This update is already running (${update.phase}).`);
    return rejection({
      status: 409,
      code: "update-running",
      message: `Another update is running (${update.job.operationId}, ${update.job.rehearsal ? "a dry run" : `to ${update.job.version}`}, ${update.phase}). Wait for it, or cancel it with cancelFirmwareUpdate.`,
    });
  }
  const comparison = compareWithInstalled(saved, job, currentVersion);
  const { operationId } = job;
  if (comparison === "versionInUse")
    return rejection({ status: 409, code: "version-in-use", message: versionInUseMessage(job) });
  if (comparison === "installed") {
    return lastProven !== null && lastProven.version === (currentVersion ?? lastProven.version)
      ? alreadyReply(lastProven.operationId, `This update was committed at ${lastProven.at}.`)
      : alreadyReply(operationId, `The board already runs ${job.version}.`);
  }
  if (refusal !== undefined) return rejection(refusal);
  return {
    change: { update: step(update, { type: "accepted", job, at }) ?? update },
    answer: { status: 200, payload: { Response: "Firmware update started", operationId } },
  };
}

/** `applyFirmwareUpdate`: applies an image that is staged and waits for approval or its window. */
export function decideApply(
  { update }: UpdateSlice,
  operationId: string | undefined,
): Decision<UpdateSlice, MethodReply> {
  if (update.phase !== "staged" || !isMeantFor(update.job, operationId)) {
    return rejection({
      status: 404,
      code: "nothing-staged",
      message: "No staged update waits for approval. Request one with firmwareUpdate.",
    });
  }
  const job = { ...update.job, apply: "now" as const, applyOrdered: true as const };
  const response =
    job.startBy === undefined
      ? "Firmware update is being applied"
      : "Firmware update is ordered: it begins once the board's clock is set, before its startBy or not at all";
  return {
    change: { update: { ...update, job } },
    answer: { status: 200, payload: { Response: response, operationId: job.operationId } },
  };
}

/** `cancelFirmwareUpdate`: possible until the image is installed. From then on it may be armed, and ends by itself. */
export function decideCancel(
  { update }: UpdateSlice,
  operationId: string | undefined,
  at: string,
): Decision<UpdateSlice, MethodReply> {
  if (!isRunning(update) || !isMeantFor(update.job, operationId)) {
    return rejection({
      status: 404,
      code: "nothing-running",
      message: "No such update is running, so there is nothing to cancel.",
    });
  }
  const cancelled = step(update, { type: "cancelled", at });
  if (cancelled === undefined) {
    return rejection({
      status: 409,
      code: "too-late",
      message: `Too late to cancel: the image is installed, and the update is ${update.phase}. It ends by itself: committed, or rolled back to the old system.`,
    });
  }
  const left = cancelled.phase === "cancelled" ? cancelled.error?.message : undefined;
  const response = left === undefined ? "Firmware update cancelled" : `Firmware update cancelled. ${left}`;
  return {
    change: { update: cancelled },
    answer: { status: 200, payload: { Response: response, operationId: update.job.operationId } },
  };
}

export function versionInUseMessage({ version }: Job): string {
  return `The board runs another image as ${version}, so nothing could prove that this one runs. Give each image its own version.`;
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
