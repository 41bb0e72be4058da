import * as v from "valibot";
import { check, type Checked, sha256Hex, isoTimestamp, shortText } from "../contract/check.ts";
import type { AgentState } from "./agent-state.ts";

/* The history of this board's updates and reboots: one entry for each that has ended, the oldest first. */

const common = {
  /** The same for the same end, however often it is seen. */
  key: v.pipe(v.string(), v.maxLength(300)),
  operationId: v.nullable(shortText),
  /** When it ended; where that is unknown, when the end was detected. */
  at: isoTimestamp,
  error: v.nullable(v.object({ code: shortText, message: v.string() })),
};

const entry = v.variant("kind", [
  v.object({
    kind: v.literal("update"),
    ...common,
    outcome: v.picklist(["completed", "failed", "rolledBack", "cancelled"]),
    version: shortText,
    sha256: v.nullable(sha256Hex),
    rehearsal: v.boolean(),
  }),
  v.object({
    kind: v.literal("reboot"),
    ...common,
    outcome: v.picklist(["proven", "failed", "cancelled"]),
    cause: v.nullable(v.picklist(["requested", "update", "other"])),
    reason: v.nullable(shortText),
  }),
]);
export type HistoryEntry = Readonly<v.InferOutput<typeof entry>>;

/** Some years of operations on a healthy board; a file of some kilobytes. */
const maxEntries = 50;

const file = v.object({ schema: v.literal(1), entries: v.array(entry) });

/** Adds the operations that have ended in a saved state; returns the same history where none is new. */
export function historyAfter(
  history: readonly HistoryEntry[],
  saved: AgentState,
  now: string,
): readonly HistoryEntry[] {
  const ended = [rebootEnd(saved, now), updateEnd(saved, now)].filter((one) => one !== undefined);
  const fresh = ended.filter(({ key }) => history.every((known) => known.key !== key));
  return fresh.length === 0 ? history : [...history, ...fresh].slice(-maxEntries);
}

export function writeHistory(entries: readonly HistoryEntry[]): string {
  return `${JSON.stringify({ schema: 1, entries })}\n`;
}

export function readHistory(text: string): Checked<readonly HistoryEntry[]> {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return { ok: false, problems: ["is not JSON: it was damaged"] };
  }
  const checked = check(file, read);
  return checked.ok ? { ok: true, value: checked.value.entries } : checked;
}

function updateEnd({ update }: AgentState, now: string): HistoryEntry | undefined {
  switch (update.phase) {
    case "completed":
    case "failed":
    case "rolledBack":
    case "cancelled": {
      const { operationId, version, sha256: digest, rehearsal } = update.job;
      const failure = "error" in update ? update.error : undefined;
      const error = failure === undefined ? null : { code: failure.code, message: failure.message };
      const at = update.times.ended ?? now;
      const key = `update ${operationId} ${update.times.accepted ?? ""} ${update.phase}`;
      return { kind: "update", key, operationId, at, error, outcome: update.phase, version, sha256: digest, rehearsal };
    }
    default:
      return undefined;
  }
}

function rebootEnd({ reboot }: AgentState, now: string): HistoryEntry | undefined {
  switch (reboot.phase) {
    case "proven": {
      const { last, job } = reboot;
      if (last.at === null) return undefined; // Recorded once its time is known.
      const of = { operationId: job?.operationId ?? null, reason: job?.reason ?? null, cause: last.cause };
      return { kind: "reboot", key: `reboot ${last.bootId}`, ...of, at: last.at, outcome: "proven", error: null };
    }
    case "failed":
    case "cancelled": {
      const { job } = reboot;
      const error = "error" in reboot ? { code: reboot.error.code, message: reboot.error.message } : null;
      // An update's own reboot has no request: it is recorded once per boot.
      const which = job === null ? (reboot.last?.bootId ?? "") : `${job.operationId} ${job.acceptedAt}`;
      const key = `reboot ${which} ${reboot.phase}`;
      const of = { operationId: job?.operationId ?? null, reason: job?.reason ?? null, cause: null };
      return { kind: "reboot", key, ...of, at: now, outcome: reboot.phase, error };
    }
    default:
      return undefined;
  }
}
