import { isJsonObject, type Json, type JsonObject } from "../../agent/contract/json.ts";
import type { Reply } from "../hub-client/hub-client.ts";

/** What a board answered to a method, for people and for the next steps. */
export interface Answer {
  readonly status: number;
  /** The sentence for people. */
  readonly response: string;
  readonly operationId: string | null;
  readonly scheduledFor: string | null;
  readonly mode: string | null;
  /** Asked for before: this call has begun nothing new. */
  readonly already: boolean;
  /** This very request was answered before, and the first answer is given again. */
  readonly repeated: boolean;
  /** Why it was refused; null when it was not, or when another program than ours answered. */
  readonly errorCode: string | null;
  readonly payload: Json;
}

/** Reads an answer. Total: another agent than ours may answer to the same method names. */
export function answerFrom({ status, payload }: Reply): Answer {
  const body: JsonObject = isJsonObject(payload) ? payload : {};
  const error = isJsonObject(body["error"]) ? body["error"] : {};
  return {
    status,
    response: textOr(body["Response"]) ?? textOr(payload) ?? JSON.stringify(payload),
    operationId: textOr(body["operationId"]),
    scheduledFor: textOr(body["scheduledFor"]),
    mode: textOr(body["mode"]),
    already: body["already"] === true,
    repeated: body["repeated"] === true,
    errorCode: textOr(error["code"]),
    payload,
  };
}

/** Methods answer with HTTP's numbers. */
export function isRefusal({ status }: Answer): boolean {
  return status < 200 || status >= 300;
}

function textOr(value: Json | undefined): string | null {
  return typeof value === "string" ? value : null;
}
