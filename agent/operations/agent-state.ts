import * as v from "valibot";
import { isJsonObject, type JsonObject } from "../contract/json.ts";
import { firmwareVersion, operationId, type MethodReply } from "../contract/methods.ts";
import { rebootState } from "../reboot/machine.ts";
import { sha256Hex, isoTimestamp, wholeNumber, shortText } from "../state/saved-values.ts";
import { updateState } from "../update/job.ts";

/** The schema that this release writes. A release that needs another one keeps writing this until it is proven. */
export const stateSchemaVersion = 1;

/** How many answered operations are remembered, so that a repeated call gets the first answer again. */
const maxRememberedOperations = 32;

/**
 * Everything the agent must not forget, saved as one envelope: a step of the update, the answer that told of it and the
 * desired document that caused it reach the disk together or not at all.
 */
export const agentStateSchema = v.object({
  schema: v.literal(stateSchemaVersion),
  /** Counts the saves of this board, for people who compare copies. */
  seq: wholeNumber,
  /** The boot in which it was saved: another boot id at start proves a reboot. */
  bootId: shortText,
  update: updateState,
  reboot: rebootState,
  /** The last desired `firmware` document that was looked at, apart from the last job: it is never looked at twice. */
  handledDesired: v.nullable(
    v.object({
      identity: sha256Hex,
      desiredVersion: wholeNumber,
      refused: v.nullable(v.object({ code: shortText, message: v.string() })),
    }),
  ),
  /**
   * The last desired `boardkeeper` section that was looked at, and the one that was applied: not the same where the last was
   * refused. Absent where there is none, and in what releases before it have saved.
   */
  remote: v.optional(
    v.object({
      identity: sha256Hex,
      desiredVersion: wholeNumber,
      refused: v.nullable(v.object({ code: shortText, message: v.string() })),
      applied: v.nullable(v.custom<JsonObject>(isJsonObject, "an object")),
    }),
  ),
  operations: v.array(
    v.object({
      operationId,
      method: shortText,
      status: wholeNumber,
      payload: v.custom<MethodReply["payload"]>(isReplyPayload, "an object with a Response"),
    }),
  ),
  /** The last update that was proven: what "already done" is measured by. Never a rehearsal. */
  lastProven: v.nullable(v.object({ operationId, version: firmwareVersion, sha256: sha256Hex, at: isoTimestamp })),
});
export type AgentState = v.InferOutput<typeof agentStateSchema>;

/**
 * How a saved state was found at start: the last one; the last one, of which the disk does not say that it will stay; or an
 * older one or none, because the last cannot be read.
 */
export type LoadQuality = "latest" | "unsynced" | "older";

/** Parts of the saved state that change. */
export type StateChange = Partial<Omit<AgentState, "schema" | "seq">>;

/** What a decision on the saved state comes to: the parts that change (none: nothing is written), and an answer. */
export interface Decision<T> {
  readonly change?: StateChange | undefined;
  /** For an end that something has come to: what is said of it among the alerts for as long as the disk refuses it. */
  readonly unsavedAlert?: string | undefined;
  readonly answer: T;
}

/** The state of a board on which no agent has saved anything yet. */
export function initialState(bootId: string): AgentState {
  return {
    schema: stateSchemaVersion,
    seq: 0,
    bootId,
    update: { phase: "idle" },
    reboot: { phase: "idle", last: null },
    handledDesired: null,
    operations: [],
    lastProven: null,
  };
}

/** Adds an answered operation, forgetting the oldest beyond the bound. */
export function rememberOperation(
  operations: AgentState["operations"],
  answered: AgentState["operations"][number],
): AgentState["operations"] {
  return [...operations, answered].slice(-maxRememberedOperations);
}

function isReplyPayload(value: unknown): boolean {
  return isJsonObject(value) && typeof value["Response"] === "string";
}
