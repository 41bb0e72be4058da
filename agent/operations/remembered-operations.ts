import * as v from "valibot";
import { sha256Hex, shortText, wholeNumber } from "../contract/check.ts";
import type { ErrorResponse } from "../contract/error-response.ts";
import { isJsonObject } from "../contract/json.ts";
import type { MethodReply } from "../contract/method-reply.ts";
import { operationId, type Method } from "../contract/methods.ts";
import type { RebootState } from "../reboot/machine.ts";
import { isSameImage, type ImageName } from "../update/image-name.ts";
import type { UpdateSlice } from "../update/job.ts";

/* The last replies to calls that carried an operation id, so that a repeated call gets the first reply again and does nothing. */

const maxRememberedOperations = 32;

/** What an operation id stands for beside its method: the image of an update. */
const image = v.object({
  version: shortText,
  sha256: v.nullable(sha256Hex),
  /** The call named a version alone: without this, an image without a digest is that of a dry run. */
  unresolved: v.optional(v.literal(true)),
});
type OperationImage = Readonly<v.InferOutput<typeof image>>;

const operation = v.object({
  operationId,
  method: shortText,
  status: wholeNumber,
  payload: v.custom<MethodReply["payload"]>(isReplyPayload, "an object with a Response"),
  /** Absent for a reboot, and in what releases before this key have saved: then any image matches. */
  image: v.optional(image),
});
type Operation = v.InferOutput<typeof operation>;

/** As they are saved in the agent state, oldest first. */
export const rememberedOperations = v.array(operation);

/** An operation that a caller has given an id. */
export interface NamedOperation {
  readonly operationId: string;
  readonly method: Method;
  /** What an update installs; undefined for a reboot. */
  readonly image: OperationImage | undefined;
}

/** The reply to a call that was answered before, marked as `repeated`; undefined for a new one. */
export function repeatedReply(operations: readonly Operation[], method: string, id: string): MethodReply | undefined {
  const first = operations.find((one) => one.operationId === id && one.method === method);
  return first && { status: first.status, payload: { ...first.payload, repeated: true } };
}

/** Adds an answered operation, and forgets the oldest beyond 32. */
export function rememberOperation(operations: readonly Operation[], answered: Operation): Operation[] {
  return [...operations, answered].slice(-maxRememberedOperations);
}

/** The part of the saved agent state that knows which operation id stands for what. */
export interface KnownOperations extends Pick<UpdateSlice, "update" | "lastProven" | "handledDesired"> {
  readonly reboot: RebootState;
  readonly operations: readonly Operation[];
}

/**
 * Why an operation id cannot be used: it belongs to another kind of operation, or to another image. Whoever repeats a call would
 * otherwise be told that an image runs which the board has never seen. Undefined where the id is free, or belongs to the same.
 */
export function operationIdInUse(saved: KnownOperations, wanted: NamedOperation): ErrorResponse | undefined {
  const other = knownOperations(saved).find(
    (one) => one.operationId === wanted.operationId && (one.method !== wanted.method || !isSameContent(one, wanted)),
  );
  if (other === undefined) return undefined;
  const message = `The operation id ${wanted.operationId} belongs to ${describe(other)}, and this is ${describe(wanted)}. Give each operation an id of its own.`;
  return { status: 409, code: "operation-id-in-use", message };
}

type KnownOperation = Pick<Operation, "operationId" | "method" | "image">;

function knownOperations(saved: KnownOperations): KnownOperation[] {
  const { update, lastProven, handledDesired, reboot, operations } = saved;
  const declared = handledDesired?.operation ?? null;
  const updates = ["job" in update ? update.job : null, lastProven, declared].filter((one) => one !== null);
  const reboots = "job" in reboot && reboot.job !== null ? [reboot.job] : [];
  return [
    ...operations,
    ...updates.map((one) => ({
      operationId: one.operationId,
      method: "firmwareUpdate",
      image: imageOf(one),
    })),
    ...reboots.map((one) => ({ operationId: one.operationId, method: "rebootDevice" })),
  ];
}

function isSameContent({ image: a }: KnownOperation, { image: b }: NamedOperation): boolean {
  if (a === undefined || b === undefined) return true;
  return (a.version === b.version && a.sha256 === b.sha256 && a.unresolved === b.unresolved) || isSameImage(a, b);
}

/** What an operation id stands for, of an update. */
export function imageOf({ version, sha256, unresolved }: ImageName): OperationImage {
  return { version, sha256, ...(unresolved === true ? { unresolved } : {}) };
}

function describe({ method, image: of }: KnownOperation | NamedOperation): string {
  if (method !== "firmwareUpdate") return "a reboot";
  if (of === undefined) return "an update";
  if (of.sha256 === null) return `an update to ${of.version}${of.unresolved === true ? "" : " (a dry run)"}`;
  return `an update to ${of.version} (SHA-256 ${of.sha256.slice(0, 12)}…)`;
}

function isReplyPayload(value: unknown): boolean {
  return isJsonObject(value) && typeof value["Response"] === "string";
}
