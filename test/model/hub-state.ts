import type { Json, JsonObject } from "../../agent/contract/json.ts";
import { mergePatch } from "../../agent/contract/twin-patch.ts";
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
  /** How somebody else has changed the reported properties since the board's last report; null where nobody has. */
  readonly twinChange: TwinChange | null;
  readonly requests: readonly TrackedRequest[];
}

/** What can become of a twin without its board: the device is created anew, the hub restored, or another board writes into it. */
export type TwinChange = "twin emptied" | "twin rolled back" | "twin of another board";
export const twinChanges: readonly TwinChange[] = ["twin emptied", "twin rolled back", "twin of another board"];

/**
 * `document withdrawn`: the section is removed. `document declared`: the first one is there again. `document changed`: the same image at
 * another address, to be applied by order. `older document`: the hub is restored from a backup with the first one, and `$version` goes
 * back.
 */
export type DocumentChange = "document withdrawn" | "document declared" | "document changed" | "older document";
export const documentChanges: readonly DocumentChange[] = [
  "document withdrawn",
  "document declared",
  "document changed",
  "older document",
];

/** A hub after such a change. */
export function changeTwin(hub: HubState, twinChange: TwinChange): HubState {
  return { ...hub, reported: changedReport(hub, twinChange), twinChange };
}

function changedReport({ reported }: HubState, twinChange: TwinChange): JsonObject {
  const old = { phase: "idle", operationId: null };
  const theirs = { phase: "completed", operationId: "theirs", version: "9.9.9" };
  switch (twinChange) {
    case "twin emptied":
      return {};
    case "twin rolled back":
      return mergePatch(reported, { firmwareStatus: "standBy", boardkeeper: { update: old } });
    case "twin of another board":
      return mergePatch(reported, {
        firmwareStatus: "completed",
        boardkeeper: { update: theirs, firmwareVersion: "9.9.9" },
      });
  }
}

export function newHub(desired: JsonObject, requests: readonly Request[]): HubState {
  return {
    desired,
    desiredVersion: 1,
    reported: {},
    twinChange: null,
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
