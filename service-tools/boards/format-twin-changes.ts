import type { Target } from "../hub-client/hub-client.ts";
import type { BoardView, RebootView, UpdateView } from "./board-view.ts";
import { formatConfig, formatDelay, formatDownload, formatLease, formatWait } from "./format-progress.ts";

/** One change of a board, as its twin reports it. */
export interface TwinChange {
  readonly part: "link" | "twin" | "agent" | "update" | "reboot" | "desired";
  readonly message: string;
  /** Set for an update or a reboot. */
  readonly phase?: string;
  readonly operationId?: string | null;
}

/** The differences between two reads of a twin, for `boardkeeper watch`. */
export function formatTwinChanges(target: Target, before: BoardView, after: BoardView): readonly TwinChange[] {
  return [
    ...linkChanges(before, after),
    ...agentChanges(before, after),
    ...desiredChanges(before, after),
    ...configChanges(before, after),
    ...updateChanges(target, before.update, after.update),
    ...rebootChanges(before.reboot, after.reboot),
  ];
}

function linkChanges(before: BoardView, after: BoardView): TwinChange[] {
  if (before.connected === after.connected) return [];
  return [{ part: "link", message: after.connected ? "connected" : "offline" }];
}

function agentChanges(before: BoardView, after: BoardView): TwinChange[] {
  const [old, now] = [before.agent, after.agent];
  const changes: TwinChange[] = [];
  if (now !== null && now.bootId !== old?.bootId && now.bootId !== null) {
    changes.push({ part: "agent", message: `the board has booted (boot ${now.bootId})` });
  } else if (now !== null && now.startedAt !== old?.startedAt && now.startedAt !== null) {
    changes.push({ part: "agent", message: `the agent has started (${now.version ?? "unknown version"})` });
  }
  if (before.firmwareVersion !== after.firmwareVersion && after.firmwareVersion !== null) {
    const from = before.firmwareVersion === null ? "" : `, before ${before.firmwareVersion}`;
    changes.push({ part: "agent", message: `firmware ${after.firmwareVersion} is running${from}` });
  }
  return changes;
}

function desiredChanges(before: BoardView, after: BoardView): TwinChange[] {
  if (before.desired.version === after.desired.version) return [];
  return [{ part: "desired", message: `desired properties changed (version ${after.desired.version})` }];
}

/** The board's answer to its remote configuration. The version alone is no news: every desired property changes it. */
function configChanges({ config: before }: BoardView, { config: after }: BoardView): TwinChange[] {
  const isSame = before?.status === after?.status && before?.error?.message === after?.error?.message;
  if (isSame) return [];
  return [{ part: "desired", message: formatConfig(after) ?? "has its own configuration again" }];
}

function updateChanges(target: Target, before: UpdateView, after: UpdateView): TwinChange[] {
  const changes: TwinChange[] = [];
  const { phase, operationId } = after;
  const isNew = before.operationId !== operationId;
  const add = (message: string): void => void changes.push({ part: "update", message, phase, operationId });
  const isNewPhase = isNew || before.phase !== phase;
  if (isNewPhase) add(formatUpdate(target, after, isNew));
  else if (phase === "downloading" && after.receivedBytes !== before.receivedBytes) {
    add(`downloading ${formatDownload(after)}`);
  }
  const knownDelay = isNewPhase ? undefined : before.delay?.message;
  if (phase !== "staged" && after.delay !== null && after.delay.message !== knownDelay) {
    add(`${phase} ${formatDelay(after.delay)}`);
  }
  if (!isNewPhase && phase === "staged" && formatWait(target, after) !== formatWait(target, before))
    add(formatUpdate(target, after, false));
  if (!isNewPhase && after.startBy !== before.startBy)
    add(after.startBy === null ? "may begin at any time" : `must begin by ${after.startBy}`);
  if (after.refused !== null && after.refused.desiredVersion !== before.refused?.desiredVersion) {
    add(`declared update refused (${after.refused.code}): ${after.refused.message}`);
  }
  return changes;
}

/** @param isNew true adds what is updated, and the operation id */
export function formatUpdate(target: Target, update: UpdateView, isNew: boolean): string {
  const { phase, operationId, version, rehearsal, error } = update;
  const why = error === null ? "" : ` (${error.code}): ${error.message}`;
  const wait = formatWait(target, update);
  const waits = wait === null ? "" : `, ${wait}`;
  const what = isNew && operationId !== null ? ` ${rehearsal ? "rehearsal" : (version ?? "")} (${operationId})` : "";
  const lease = isNew || phase === "staged" ? formatLease(update) : "";
  return `${phase === "rolledBack" ? "rolled back" : phase}${what}${waits}${lease}${why}`;
}

function rebootChanges(before: RebootView, after: RebootView): TwinChange[] {
  const isNew = before.operationId !== after.operationId;
  const isSame =
    !isNew &&
    before.phase === after.phase &&
    before.lastProven?.at === after.lastProven?.at &&
    before.delay?.message === after.delay?.message;
  const { phase, operationId } = after;
  return isSame ? [] : [{ part: "reboot", message: formatReboot(after, isNew), phase, operationId }];
}

/** @param isNew true adds the operation id */
export function formatReboot(
  { phase, operationId, scheduledFor, delay, reason, cause, error, lastProven }: RebootView,
  isNew: boolean,
): string {
  const what = isNew && operationId !== null ? ` (${operationId})` : "";
  const why = reason === null || reason === "" ? "" : `: ${reason}`;
  switch (phase) {
    case "scheduled":
      return `scheduled for ${scheduledFor ?? "the maintenance window"}${delay === null ? "" : `, but: ${delay.message} (${delay.code})`}${what}${why}`;
    case "proven":
      return `proven at ${lastProven?.at ?? "an unknown time"}, ${formatRebootCause(cause)}${what}`;
    case "failed":
      return `failed${error === null ? "" : ` (${error.code}): ${error.message}`}${what}`;
    case "idle":
    case "waiting":
    case "rebooting":
    case "cancelled":
      return `${phase}${what}`;
  }
}

/** Why the board rebooted. */
export function formatRebootCause(cause: RebootView["cause"]): string {
  switch (cause) {
    case "requested":
      return "as requested";
    case "update":
      return "for an update";
    case "other":
      return "not requested (a power failure, a crash, or somebody at the board)";
    case null:
      return "cause unknown";
  }
}
