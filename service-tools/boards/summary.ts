import { saySize } from "../cli/screen/measures.ts";
import type { BoardView, ConfigView, UpdateView } from "./board-view.ts";
import { causeWords } from "./format-twin-changes.ts";
import { delayWords, progressWords, waitWords } from "./format-progress.ts";

/** The state of a board for people: a name and a sentence each, without those of which nothing is known. */
export function summaryOf(name: string, view: BoardView): Readonly<Record<string, string>> {
  const { agent, board, config, firmwareVersion, update } = view;
  if (agent === null) {
    const nobody = "has not reported yet: no Boardkeeper agent has connected with this identity";
    return { Board: name, Link: linkLine(view), Agent: nobody };
  }
  const memory = board.memoryBytes === null ? null : saySize(board.memoryBytes);
  const kind = agent.mode === "simulated" ? "simulated board" : null;
  const isProven = update.lastProven !== null && update.lastProven.version === firmwareVersion;
  return {
    Board: name,
    Hardware: joined([board.model, board.arch, memory]),
    System: joined([board.os, board.kernel]),
    Link: linkLine(view),
    Agent: joined([agent.version, kind, agent.startedAt === null ? null : `started ${agent.startedAt}`]),
    ...(agent.problems.length === 0 ? {} : { Problems: agent.problems.join(" ") }),
    ...(config === null ? {} : { Config: configLine(config) }),
    Boot: agent.bootId ?? "unknown",
    Firmware: joined([firmwareVersion, isProven ? `proven at ${update.lastProven.at}` : null]),
    Update: updateLine(update),
    Reboot: rebootLine(view),
  };
}

function linkLine({ connected, lastActivity }: BoardView): string {
  if (connected) return "connected";
  return lastActivity === null ? "offline, was never connected" : `offline, last heard of at ${lastActivity}`;
}

function configLine({ version, status, error }: ConfigView): string {
  const why = error === null ? "" : `: ${error.code}, ${error.message}`;
  return status === "applied" ? `set over the hub, version ${version}` : `refused, version ${version}${why}`;
}

function joined(parts: readonly (string | null)[]): string {
  return parts.filter((part) => part !== null).join(", ") || "unknown";
}

/** The job first, then a declared update that was refused: it has no job, and must not hide one. */
function updateLine(update: UpdateView): string {
  const { refused } = update;
  const job = jobLine(update);
  return refused === null ? job : `${job}; a declared update was refused (${refused.code}): ${refused.message}`;
}

function jobLine(update: UpdateView): string {
  const { phase, operationId, version, rehearsal, error, endedAt, receivedBytes, delay } = update;
  const what = rehearsal ? "a rehearsal" : (version ?? "an unknown version");
  const id = operationId === null ? "" : ` (${operationId})`;
  const why = error === null ? "" : `: ${error.code}, ${error.message}`;
  const wait = waitWords(update);
  switch (phase) {
    case "idle":
      return "none yet";
    case "downloading":
      return `downloading ${what}${receivedBytes === null ? "" : `, ${progressWords(update)}`}${delay === null ? "" : `, ${delayWords(delay)}`}${id}`;
    case "staged":
      return `${what} is staged${wait === null ? "" : `, ${wait}`}${id}`;
    case "completed":
    case "cancelled":
      return `${phase} ${what}${endedAt === null ? "" : ` at ${endedAt}`}${id}`;
    case "failed":
    case "rolledBack":
      return `${phase === "failed" ? "failed" : "rolled back"} ${what}${endedAt === null ? "" : ` at ${endedAt}`}${id}${why}`;
    case "accepted":
    case "verifying":
    case "applying":
    case "rebooting":
    case "proving":
    case "reverting":
      return `${phase} ${what}${id}${why}`;
  }
}

function rebootLine({ reboot }: BoardView): string {
  const { phase, operationId, scheduledFor, reason, error, lastProven } = reboot;
  const last = lastProven === null ? "none proven yet" : `last at ${lastProven.at}, ${causeWords(lastProven.cause)}`;
  const id = operationId === null ? "" : ` (${operationId})`;
  switch (phase) {
    case "idle":
    case "proven":
      return last;
    case "scheduled":
      return `scheduled for ${scheduledFor ?? "the maintenance window"}${reason ? `: ${reason}` : ""}${id}; ${last}`;
    case "waiting":
      return `waits for the update to end${id}; ${last}`;
    case "rebooting":
      return `rebooting${id}; ${last}`;
    case "cancelled":
      return `cancelled${id}; ${last}`;
    case "failed":
      return `failed${error === null ? "" : `: ${error.code}, ${error.message}`}${id}; ${last}`;
  }
}
