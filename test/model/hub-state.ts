import type { Json, JsonObject } from "../../agent/contract/json.ts";
import type { MethodReply } from "../../agent/contract/method-reply.ts";

/* The hub, and its callers: they call again until they have an answer. */

export interface Request {
  readonly id: string;
  readonly method: string;
  readonly payload: JsonObject;
  /** Called once the update phase in the twin is this; at once if not given. */
  readonly whenPhase?: string;
}

export interface TrackedRequest extends Request {
  readonly reply: MethodReply | null;
}

export interface HubState {
  readonly desired: JsonObject;
  readonly desiredVersion: number;
  readonly reported: JsonObject;
  readonly requests: readonly TrackedRequest[];
}

export function newHub(desired: JsonObject, requests: readonly Request[]): HubState {
  return {
    desired,
    desiredVersion: 1,
    reported: {},
    requests: requests.map((request) => ({ ...request, reply: null })),
  };
}

/** A value of the reported properties, by its path. */
export function reportedAt(hub: HubState, ...path: readonly string[]): Json | undefined {
  let value: Json | undefined = hub.reported;
  for (const key of path) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    value = (value as JsonObject)[key];
  }
  return value;
}
