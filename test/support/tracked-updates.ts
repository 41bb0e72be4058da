import type { UpdateSnapshot } from "../../agent/contract/snapshot.ts";
import type { BoardView } from "../../service-tools/boards/board-view.ts";
import type { RequestedUpdate, UpdateEnd } from "../../service-tools/watch/update-end.ts";
import { updateTracker } from "../../service-tools/watch/update-tracker.ts";
import { viewOf } from "./board-views.ts";

/* What the tests of the update tracker share: boards with an update, and tracking one. */

export const asked: RequestedUpdate = {
  operationId: "op-1",
  version: "2.0.0",
  rehearsal: false,
  already: false,
  repeated: false,
  desiredVersion: null,
};

/** A board with an operation in a phase; what was proven last is the version of a completed one. */
export function board(
  phase: UpdateSnapshot["phase"],
  operationId: string | null = "op-1",
  more: Partial<UpdateSnapshot> = {},
  proven?: string,
): BoardView {
  const version = more.version ?? "2.0.0";
  const last = proven ?? (phase === "completed" && more.rehearsal !== true ? version : undefined);
  const provenBy = proven === undefined ? (operationId ?? "") : "op-other";
  const lastProvenUpdate =
    last === undefined ? null : { operationId: provenBy, version: last, at: "2026-01-02T03:00:00.000Z" };
  return viewOf({ phase, operationId, version, ...more }, {}, { lastProvenUpdate });
}

/** The same with desired properties. */
export function declaring(view: BoardView, firmwareOperationId: string | null, version = 5): BoardView {
  return { ...view, desired: { firmwareOperationId, version } };
}

export function track(
  what: Partial<RequestedUpdate>,
  before: BoardView,
  views: readonly BoardView[],
): { end: UpdateEnd | undefined; presumed: UpdateEnd | undefined; phases: string[] } {
  const tracker = updateTracker({ deviceId: "board-1" }, { ...asked, ...what }, before);
  let memory = tracker.initial;
  let phases: string[] = [];
  let presumed: UpdateEnd | undefined;
  for (const view of views) {
    const step = tracker.next(memory, view);
    memory = step.memory;
    phases = step.progress.phases.map(({ phase }) => phase);
    presumed = step.presumedEnd;
    if (step.end !== undefined) return { end: step.end, presumed, phases };
  }
  return { end: undefined, presumed, phases };
}

export function reads(count: number, view: BoardView): BoardView[] {
  return Array.from({ length: count }, () => view);
}
