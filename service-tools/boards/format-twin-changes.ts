import type { BoardView, RebootView, UpdateView } from "./board-view.ts";
import { configWords, delayWords, progressWords, waitWords } from "./format-progress.ts";

/** One thing that happened to a board, as far as its twin tells. */
export interface Change {
  readonly part: "link" | "agent" | "update" | "reboot" | "desired";
  readonly message: string;
  /** Of the update or the reboot that it is about. */
  readonly phase?: string;
  readonly operationId?: string | null;
}

/** What has happened between two looks at a twin, in the order in which people want to hear of it. */
export function changesBetween(before: BoardView, after: BoardView): readonly Change[] {
  return [
    ...linkChanges(before, after),
    ...agentChanges(before, after),
    ...desiredChanges(before, after),
    ...configChanges(before, after),
    ...updateChanges(before.update, after.update),
    ...rebootChanges(before.reboot, after.reboot),
  ];
}

function linkChanges(before: BoardView, after: BoardView): Change[] {
  if (before.connected === after.connected) return [];
  return [{ part: "link", message: after.connected ? "connected" : "offline" }];
}

function agentChanges(before: BoardView, after: BoardView): Change[] {
  const [old, now] = [before.agent, after.agent];
  const changes: Change[] = [];
  if (now !== null && now.bootId !== old?.bootId && now.bootId !== null) {
    changes.push({ part: "agent", message: `the board has booted (boot ${now.bootId})` });
  } else if (now !== null && now.startedAt !== old?.startedAt && now.startedAt !== null) {
    changes.push({ part: "agent", message: `the agent has started (${now.version ?? "unknown version"})` });
  }
  if (before.firmwareVersion !== after.firmwareVersion && after.firmwareVersion !== null) {
    const from = before.firmwareVersion === null ? "" : `, before ${before.firmwareVersion}`;
    changes.push({ part: "agent", message: `firmware ${after.firmwareVersion} runs${from}` });
  }
  return changes;
}

function desiredChanges(before: BoardView, after: BoardView): Change[] {
  if (before.desired.version === after.desired.version) return [];
  return [{ part: "desired", message: `desired properties changed (version ${after.desired.version})` }];
}

/** The answer to what is set over the hub; the version alone changes with every other desired property too. */
function configChanges({ config: before }: BoardView, { config: after }: BoardView): Change[] {
  const isSame = before?.status === after?.status && before?.error?.message === after?.error?.message;
  if (isSame) return [];
  const words = configWords(after);
  return [{ part: "desired", message: words === null ? "has its own configuration again" : words }];
}

function updateChanges(before: UpdateView, after: UpdateView): Change[] {
  const changes: Change[] = [];
  const { phase, operationId } = after;
  const isNew = before.operationId !== operationId;
  const tell = (message: string): void => void changes.push({ part: "update", message, phase, operationId });
  const isEntered = isNew || before.phase !== phase;
  if (isEntered) tell(updateMessage(after, isNew));
  else if (phase === "downloading" && after.receivedBytes !== before.receivedBytes) {
    tell(`downloading ${progressWords(after)}`);
  }
  const known = isEntered ? undefined : before.delay?.message;
  if (phase === "downloading" && after.delay !== null && after.delay.message !== known) {
    tell(`downloading ${delayWords(after.delay)}`);
  }
  if (!isEntered && phase === "staged" && waitWords(after) !== waitWords(before)) tell(updateMessage(after, false));
  if (after.refused !== null && after.refused.desiredVersion !== before.refused?.desiredVersion) {
    tell(`declared update refused (${after.refused.code}): ${after.refused.message}`);
  }
  return changes;
}

export function updateMessage(update: UpdateView, isNew: boolean): string {
  const { phase, operationId, version, rehearsal, error } = update;
  const why = error === null ? "" : ` (${error.code}): ${error.message}`;
  const wait = waitWords(update);
  const waits = wait === null ? "" : `, ${wait}`;
  const what = isNew && operationId !== null ? ` ${rehearsal ? "rehearsal" : (version ?? "")} (${operationId})` : "";
  return `${phase === "rolledBack" ? "rolled back" : phase}${waits}${what}${why}`;
}

function rebootChanges(before: RebootView, after: RebootView): Change[] {
  const isNew = before.operationId !== after.operationId;
  const isSame = !isNew && before.phase === after.phase && before.lastProven?.at === after.lastProven?.at;
  const { phase, operationId } = after;
  return isSame ? [] : [{ part: "reboot", message: rebootMessage(after, isNew), phase, operationId }];
}

export function rebootMessage(
  { phase, operationId, scheduledFor, reason, cause, error, lastProven }: RebootView,
  isNew: boolean,
): string {
  const what = isNew && operationId !== null ? ` (${operationId})` : "";
  const why = reason === null || reason === "" ? "" : `: ${reason}`;
  switch (phase) {
    case "scheduled":
      return `scheduled for ${scheduledFor ?? "the maintenance window"}${what}${why}`;
    case "proven":
      return `proven at ${lastProven?.at ?? "an unknown time"}, ${causeWords(cause)}${what}`;
    case "failed":
      return `failed${error === null ? "" : ` (${error.code}): ${error.message}`}${what}`;
    case "idle":
    case "waiting":
    case "rebooting":
    case "cancelled":
      return `${phase}${what}`;
  }
}

/** Why a board went through a reboot, in words. */
export function causeWords(cause: RebootView["cause"]): string {
  switch (cause) {
    case "requested":
      return "as requested";
    case "update":
      return "for an update";
    case "other":
      return "unasked (a power cut, a crash or a hand)";
    case null:
      return "for an unknown cause";
  }
}
