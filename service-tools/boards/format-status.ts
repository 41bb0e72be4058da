import { formatSize } from "../cli/units.ts";
import { targetName, type Target } from "../hub-client/hub-client.ts";
import type { BoardView, ConfigView, TrustView, UpdateView } from "./board-view.ts";
import { formatRebootCause } from "./format-twin-changes.ts";
import { formatDelay, formatDownload, formatLease, formatWait } from "./format-progress.ts";

/**
 * The state of a board for people, as label and text. What the board has not reported is left out.
 * @param reporting why its twin does not hold all that it reports; null where it does, or the board was not asked
 */
export function formatStatus(
  target: Target,
  view: BoardView,
  reporting: string | null = null,
): Readonly<Record<string, string>> {
  const name = targetName(target);
  const twin = reporting === null ? {} : { Twin: reporting };
  const { agent, board, config, firmwareVersion, trust, update } = view;
  if (agent === null) {
    const none = "has not reported yet: no Boardkeeper agent has connected with this identity";
    return { Board: name, Link: linkLine(view), ...twin, Agent: none };
  }
  const memory = board.memoryBytes === null ? null : formatSize(board.memoryBytes);
  const kind = agent.mode === "simulated" ? "simulated board" : null;
  const isProven = update.lastProven !== null && update.lastProven.version === firmwareVersion;
  return {
    Board: name,
    Hardware: joined([board.model, board.arch, memory]),
    System: joined([board.os, board.kernel]),
    Link: linkLine(view),
    ...twin,
    Agent: joined([agent.version, kind, agent.startedAt === null ? null : `started ${agent.startedAt}`]),
    ...(agent.features.length === 0 ? {} : { Features: agent.features.join(", ") }),
    ...(agent.problems.length === 0 ? {} : { Problems: agent.problems.join(" ") }),
    ...(trust === null ? {} : { Trust: trustLine(trust, agent.mode) }),
    ...(config === null ? {} : { Config: configLine(config) }),
    Boot: agent.bootId ?? "unknown",
    Firmware: joined([firmwareVersion, isProven ? `proven at ${update.lastProven.at}` : null]),
    Update: updateLine(target, update),
    Reboot: rebootLine(view),
  };
}

function linkLine({ connected, lastActivity }: BoardView): string {
  if (connected) return "connected";
  return lastActivity === null ? "offline, never connected" : `offline, last active at ${lastActivity}`;
}

function trustLine({ rootVersion, expires, unsignedAllowed }: TrustView, mode: string | null): string {
  if (rootVersion !== null)
    return `signed images only, trust root ${rootVersion}${expires === null ? "" : `, good until ${expires}`}`;
  if (mode === "simulated") return "no trust root: a simulated board takes unsigned images";
  return unsignedAllowed ? "no trust root: its owner allows unsigned images" : "no trust root: it refuses all updates";
}

function configLine({ version, status, error }: ConfigView): string {
  const why = error === null ? "" : `: ${error.code}, ${error.message}`;
  return status === "applied" ? `set over the hub, version ${version}` : `refused, version ${version}${why}`;
}

function joined(parts: readonly (string | null)[]): string {
  return parts.filter((part) => part !== null).join(", ") || "unknown";
}

/** The update first, then a refused declaration: the board did not start it, and it must not hide a running update. */
function updateLine(target: Target, update: UpdateView): string {
  const { refused } = update;
  const job = jobLine(target, update);
  return refused === null ? job : `${job}; a declared update was refused (${refused.code}): ${refused.message}`;
}

function jobLine(target: Target, update: UpdateView): string {
  const { phase, operationId, version, rehearsal, error, endedAt, receivedBytes, delay } = update;
  const what = rehearsal ? "a rehearsal" : (version ?? "an unknown version");
  const id = operationId === null ? "" : ` (${operationId})`;
  const why = error === null ? "" : `: ${error.code}, ${error.message}`;
  const wait = formatWait(target, update);
  const lease = formatLease(update);
  switch (phase) {
    case "idle":
      return "none yet";
    case "downloading":
      return `downloading ${what}${receivedBytes === null ? "" : `, ${formatDownload(update)}`}${delay === null ? "" : `, ${formatDelay(delay)}`}${lease}${id}`;
    case "staged":
      return `${what} is staged${id}${wait === null ? "" : `, ${wait}`}${lease}`;
    case "completed":
    case "cancelled":
      return `${phase} ${what}${endedAt === null ? "" : ` at ${endedAt}`}${id}${why}`;
    case "failed":
    case "rolledBack":
      return `${phase === "failed" ? "failed" : "rolled back"} ${what}${endedAt === null ? "" : ` at ${endedAt}`}${id}${why}`;
    case "accepted":
    case "verifying":
    case "applying":
    case "rebooting":
    case "proving":
    case "reverting":
      return `${phase} ${what}${delay === null ? "" : `, ${formatDelay(delay)}`}${lease}${id}${why}`;
  }
}

function rebootLine({ reboot }: BoardView): string {
  const { phase, operationId, scheduledFor, reason, delay, error, lastProven } = reboot;
  const last =
    lastProven === null ? "none proven yet" : `last at ${lastProven.at}, ${formatRebootCause(lastProven.cause)}`;
  const id = operationId === null ? "" : ` (${operationId})`;
  switch (phase) {
    case "idle":
    case "proven":
      return last;
    case "scheduled":
      return `scheduled for ${scheduledFor ?? "the maintenance window"}${delay === null ? "" : `, but: ${delay.message} (${delay.code})`}${reason ? `: ${reason}` : ""}${id}; ${last}`;
    case "waiting":
      return `waiting for the update to end${id}; ${last}`;
    case "rebooting":
      return `rebooting${id}; ${last}`;
    case "cancelled":
      return `cancelled${id}; ${last}`;
    case "failed":
      return `failed${error === null ? "" : `: ${error.code}, ${error.message.replace(/\.$/, "")}`}${id}; ${last}`;
  }
}
