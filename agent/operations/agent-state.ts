import * as v from "valibot";
import { rebootState } from "../reboot/machine.ts";
import { shortText, wholeNumber } from "../contract/check.ts";
import type { StateStore } from "../state/ports.ts";
import { updateSlice } from "../update/job.ts";
import { remoteConfigSlice } from "../config/remote-config-decisions.ts";
import { rememberedOperations } from "./remembered-operations.ts";

/** The schema that this release writes. A release that needs another one keeps writing this until it is proven. */
export const stateSchemaVersion = 1;

/**
 * Everything the agent must not forget, saved as one envelope: a step of the update, the reply about it and the desired
 * document that caused it reach the disk together or not at all.
 */
export const agentStateSchema = v.object({
  schema: v.literal(stateSchemaVersion),
  /** Counts the saves of this board, for people who compare copies. */
  seq: wholeNumber,
  /** The boot in which it was saved: another boot id at start proves a reboot. */
  bootId: shortText,
  update: updateSlice.entries.update,
  reboot: rebootState,
  handledDesired: updateSlice.entries.handledDesired,
  remote: remoteConfigSlice.entries.remote,
  operations: rememberedOperations,
  lastProven: updateSlice.entries.lastProven,
});
export type AgentState = v.InferOutput<typeof agentStateSchema>;

/**
 * How good the state is that was loaded at start. `latest`: the last one saved. `unsynced`: the last one, but its fsync failed.
 * `older`: the copy before or none, because the last one cannot be read.
 */
export type LoadQuality = "latest" | "unsynced" | "older";

export type AgentStateStore = StateStore<AgentState>;

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
