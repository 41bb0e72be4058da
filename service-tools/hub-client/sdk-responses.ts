import { isJsonObject, type Json, type JsonObject } from "../../agent/contract/json.ts";
import { RefusedByHub } from "../cli/errors.ts";
import type { Identity, MethodReply, Target } from "./hub-client.ts";

/* The SDK's answers, which it types as `any`, as the port promises them. */

/** A registry's answer about a device or a module. */
export function parseIdentity(answer: unknown, { deviceId, moduleId }: Target): Identity {
  const body = plain(answer);
  const authentication = isJsonObject(body["authentication"]) ? body["authentication"] : {};
  const keys = isJsonObject(authentication["symmetricKey"]) ? authentication["symmetricKey"] : {};
  return {
    deviceId,
    moduleId,
    status: textOrNull(body["status"]),
    connectionState: textOrNull(body["connectionState"]),
    primaryKey: textOrNull(keys["primaryKey"]),
    secondaryKey: textOrNull(keys["secondaryKey"]),
  };
}

/** A twin, without what the SDK adds to it for its own use. */
export function parseTwin(answer: object): JsonObject {
  return plain(Object.fromEntries(Object.entries(answer).filter(([key]) => key !== "_registry")));
}

/** One page of a query. */
export function parseQueryPage(answer: unknown): JsonObject[] {
  const body: unknown = JSON.parse(JSON.stringify(answer ?? []));
  if (Array.isArray(body) && body.every(isJsonObject)) return body;
  throw new RefusedByHub("The hub answered a query with something that is no list of rows.");
}

/** The answer of a direct method, which the hub passes on as the board gave it. */
export function parseMethodReply(answer: unknown): MethodReply {
  const { status, payload } = plain(answer);
  if (typeof status === "number") return { status, payload: payload ?? null };
  throw new RefusedByHub("The hub answered a method call with something that is no method's answer.");
}

function plain(answer: unknown): JsonObject {
  const body: Json = JSON.parse(JSON.stringify(answer ?? null));
  return isJsonObject(body) ? body : {};
}

function textOrNull(value: Json | undefined): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
