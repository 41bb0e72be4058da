import { isJsonObject, type Json, type JsonObject } from "../../agent/contract/json.ts";
import { RefusedByHub } from "../cli/errors.ts";
import type { Identity, MethodReply, Target } from "./hub-client.ts";

/* Converts the SDK's results, which are typed `any`, to the types of the port. */

/** From the registry, for a device or a module. */
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

/** Without the member that the SDK adds for itself. */
export function parseTwin(answer: object): JsonObject {
  return plain(Object.fromEntries(Object.entries(answer).filter(([key]) => key !== "_registry")));
}

/** One page of a query. */
export function parseQueryPage(answer: unknown): JsonObject[] {
  const body: unknown = JSON.parse(JSON.stringify(answer ?? []));
  if (Array.isArray(body) && body.every(isJsonObject)) return body;
  throw new RefusedByHub("The hub's response to the query is not a list of rows.");
}

/** The hub passes the board's reply on unchanged. */
export function parseMethodReply(answer: unknown): MethodReply {
  const { status, payload } = plain(answer);
  if (typeof status === "number") return { status, payload: payload ?? null };
  throw new RefusedByHub("The hub's response to the method call is not a method reply.");
}

function plain(answer: unknown): JsonObject {
  const body: Json = JSON.parse(JSON.stringify(answer ?? null));
  return isJsonObject(body) ? body : {};
}

function textOrNull(value: Json | undefined): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
