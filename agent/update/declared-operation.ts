import type { DeclaredOperation, Job, UpdateSlice } from "./job.ts";
import { isSameImage, isVersionAlone } from "./image-name.ts";
import type { ParsedUpdateRequest } from "./validate-request.ts";

/*
 * The identity of desired documents: which operation one stands for, and whether that was handled before. Pure.
 * docs/decisions/016-the-identity-of-a-desired-document.md has the reasons.
 */

/** The operation of a document that is handled now. */
export function operationOf({ operationId, version, sha256, unresolved }: Job): DeclaredOperation {
  return { operationId, version, sha256, ...(unresolved === true && sha256 === null ? { unresolved } : {}) };
}

/**
 * The declared operation that was handled last; null where none is known. Older state has the digest of the document alone:
 * there the last declared update stands for it, unless it was cancelled, which may have been done to make room for another.
 */
export function handledOperation({ handledDesired, update }: UpdateSlice): DeclaredOperation | null {
  if (handledDesired === null) return null;
  if (handledDesired.operation !== undefined) return handledDesired.operation;
  const isKnown = "job" in update && update.job.origin === "desired" && update.phase !== "cancelled";
  return isKnown ? operationOf(update.job) : null;
}

/**
 * The operation that a document repeats: the declared one that was handled last, or one that a method has asked for under the
 * id that the document gives. Undefined where it asks for another one.
 */
export function repeatedOperation(
  saved: UpdateSlice,
  { job, callerGaveId }: ParsedUpdateRequest,
): DeclaredOperation | undefined {
  const handled = handledOperation(saved);
  const isSame = (other: DeclaredOperation): boolean =>
    callerGaveId ? other.operationId === job.operationId : isSameImage(other, job);
  if (handled !== null && isSame(handled)) return handled;
  const { update } = saved;
  const isOfMethod = callerGaveId && "job" in update && update.job.origin === "method" && isSame(update.job);
  return isOfMethod ? operationOf(update.job) : undefined;
}

/** Whether a document changes where its image comes from. */
export function hasOtherAddresses(before: Job, after: Job): boolean {
  return addressesOf(before).join(" ") !== addressesOf(after).join(" ");
}

/** Whether a document names an address that its update has not tried. */
export function hasNewAddress(tried: Job, job: Job): boolean {
  if (isVersionAlone(job)) return false;
  const known = new Set(addressesOf(tried));
  return addressesOf(job).some((address) => !known.has(address));
}

function addressesOf({ uri, mirrors = [] }: Job): readonly string[] {
  return [uri, ...mirrors];
}
