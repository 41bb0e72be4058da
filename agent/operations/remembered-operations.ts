import * as v from "valibot";
import { shortText, wholeNumber } from "../contract/check.ts";
import { isJsonObject } from "../contract/json.ts";
import type { MethodReply } from "../contract/method-reply.ts";
import { operationId } from "../contract/methods.ts";

/* The last replies to calls that carried an operation id, so that a repeated call gets the first reply again and does nothing. */

const maxRememberedOperations = 32;

const operation = v.object({
  operationId,
  method: shortText,
  status: wholeNumber,
  payload: v.custom<MethodReply["payload"]>(isReplyPayload, "an object with a Response"),
});
type Operation = v.InferOutput<typeof operation>;

/** As they are saved in the agent state, oldest first. */
export const rememberedOperations = v.array(operation);

/** The reply to a call that was answered before, marked as `repeated`; undefined for a new one. */
export function repeatedReply(operations: readonly Operation[], method: string, id: string): MethodReply | undefined {
  const first = operations.find((one) => one.operationId === id && one.method === method);
  return first && { status: first.status, payload: { ...first.payload, repeated: true } };
}

/** Adds an answered operation, and forgets the oldest beyond 32. */
export function rememberOperation(operations: readonly Operation[], answered: Operation): Operation[] {
  return [...operations, answered].slice(-maxRememberedOperations);
}

function isReplyPayload(value: unknown): boolean {
  return isJsonObject(value) && typeof value["Response"] === "string";
}
