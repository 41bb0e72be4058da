import { sectionAt, textAt, textsAt, type JsonObject } from "../../contract/json.ts";
import { onOneLine } from "../../contract/safe-text.ts";
import { formatBoardkeeper } from "../../contract/twin-formats/boardkeeper.ts";
import type { AgentState } from "../../operations/agent-state.ts";
import { formatPeriod } from "./format-period.ts";
import { describeReboot } from "../../reboot/reboot-snapshot.ts";
import { describeUpdate } from "../../update/update-snapshot.ts";

type Row = readonly [name: string, value: string | null];

/**
 * The saved part of the status of a board on which no agent runs, in the form of the answer to `getStatus`.
 * @param bootId of this boot; null where it is not known
 */
export function describeSavedState(saved: AgentState | undefined, bootId: string | null): JsonObject {
  if (saved === undefined) return { saved: false, rebootedSince: null };
  const { update, reboot } = formatBoardkeeper({
    agent: { version: "", mode: "systemd", startedAt: "", bootId: "", clockSynchronized: false, problems: null },
    board: {
      model: null,
      serial: null,
      os: null,
      kernel: null,
      arch: "",
      memoryBytes: 0,
      compatible: [],
      equipment: null,
    },
    trust: { rootVersion: null, expires: null, unsignedAllowed: false },
    currentVersion: null,
    config: null,
    update: describeUpdate(saved, null),
    lastProvenUpdate: saved.lastProven,
    reboot: describeReboot(saved.reboot),
  });
  return {
    saved: true,
    rebootedSince: bootId === null ? null : bootId !== saved.bootId,
    update: update ?? null,
    reboot: reboot ?? null,
  };
}

/** One row per line, the values in one column; rows without a value are left out. */
export function formatRows(rows: readonly Row[]): string {
  const shown = rows.filter((row): row is readonly [string, string] => row[1] !== null);
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${onOneLine(value)}\n`).join("");
}

/** The status of this board for people, from the answer to `getStatus` or from describeSavedState. */
export function statusRows(state: JsonObject): readonly Row[] {
  const agent = sectionAt(state, "agent");
  const board = sectionAt(state, "board");
  const link = sectionAt(state, "link");
  const isRunning = state["running"] === true;
  const problems = [...textsAt(agent, "problems"), ...textsAt(state, "problems")];
  return [
    ["Agent", isRunning ? formatAgent(agent) : "not running"],
    ["Problems", problems.length === 0 ? null : problems.join(" ")],
    ["State", textAt(state, "stateDir")],
    ["Hub", isRunning ? formatLink(link) : null],
    ["Twin", isRunning ? textAt(sectionAt(link, "reporting"), "message") : null],
    ["Board", isRunning ? join([textAt(board, "model"), textAt(board, "arch"), textAt(board, "os")]) : null],
    ["Trust", isRunning ? formatTrust(sectionAt(state, "trust"), agent, textsAt(board, "compatible")) : null],
    ["Boot", isRunning ? textAt(agent, "bootId") : formatBoot(state)],
    ["Clock", isRunning ? formatClock(agent) : null],
    ["Firmware", formatFirmware(state)],
    ["Update", formatUpdate(state)],
    ["Refused", formatRefused(state)],
    ["Reboot", formatReboot(state)],
    ["Configuration", formatConfig(sectionAt(state, "config"))],
  ];
}

/** Whose images the board installs; null for a simulated board that asks for none. */
function formatTrust(trust: JsonObject, agent: JsonObject, boards: readonly string[]): string | null {
  const { rootVersion, unsignedAllowed } = trust;
  if (typeof rootVersion === "number") {
    const names = boards.length === 0 ? "nothing names this board" : `images for ${boards.join(", ")}`;
    return `root version ${rootVersion}, expires ${textAt(trust, "expires")?.slice(0, 10) ?? "?"}; ${names}`;
  }
  if (textAt(agent, "mode") === "simulated" || typeof unsignedAllowed !== "boolean") return null;
  if (unsignedAllowed) return "nobody; UNSIGNED images are allowed (update.allow-unsigned)";
  return "nobody: updates are refused until you run boardkeeper-agent trust add";
}

function formatAgent(agent: JsonObject): string {
  const kind = textAt(agent, "mode") === "simulated" ? "simulated board" : null;
  return join([`running ${textAt(agent, "version") ?? ""}`.trim(), kind, since(agent)]);
}

function since(agent: JsonObject): string | null {
  const startedAt = textAt(agent, "startedAt");
  return startedAt === null ? null : `since ${startedAt}`;
}

function formatLink(link: JsonObject): string {
  const period = typeof link["forSeconds"] === "number" ? ` for ${formatPeriod(link["forSeconds"])}` : "";
  if (link["up"] === true) return `connected${period}`;
  const why = textAt(link, "diagnosis") ?? "The first connection attempt is under way.";
  const reason = textAt(link, "reason");
  const next = link["nextAttemptInSeconds"];
  const again = typeof next === "number" ? ` Next attempt in ${formatPeriod(next)}.` : "";
  return `not connected${period}. ${why}${reason === null ? "" : ` Last: ${reason}.`}${again}`;
}

function formatClock(agent: JsonObject): string {
  const isSet = agent["clockSynchronized"];
  if (typeof isSet !== "boolean") return "not known yet whether a time server has set it";
  return isSet ? "set by a time server" : "not set by a time server";
}

function formatBoot({ rebootedSince }: JsonObject): string | null {
  if (typeof rebootedSince !== "boolean") return null;
  return rebootedSince ? "the board has rebooted since the state was saved" : "the same as when the state was saved";
}

function formatFirmware(state: JsonObject): string | null {
  const version = textAt(state, "firmwareVersion");
  const proven = sectionAt(sectionAt(state, "update"), "lastProven");
  const [provenVersion, at] = [textAt(proven, "version"), textAt(proven, "at")];
  if (version === null)
    return provenVersion === null ? null : `${provenVersion} was the last proven version, at ${at ?? "?"}`;
  return provenVersion === version && at !== null ? `${version}, proven at ${at}` : version;
}

function formatUpdate(state: JsonObject): string {
  const update = sectionAt(state, "update");
  const phase = textAt(update, "phase") ?? "idle";
  if (phase === "idle") return "none yet";
  const what = update["rehearsal"] === true ? "a dry run" : (textAt(update, "version") ?? "an unknown version");
  const endedAt = textAt(update, "endedAt");
  const error = formatError(sectionAt(update, "error"));
  const wait = `${formatWait(update)}${formatDelay(update)}${formatLease(update)}`;
  return `${phaseWords[phase] ?? phase} ${what}${endedAt === null ? "" : ` at ${endedAt}`}${wait}${id(update)}${error}`;
}

/** The desired document that was refused last, until a valid one is handled. */
function formatRefused(state: JsonObject): string | null {
  const refused = sectionAt(sectionAt(state, "update"), "refused");
  const code = textAt(refused, "code");
  return code === null ? null : `the declared update: ${code}, ${textAt(refused, "message") ?? ""}`;
}

/** What became of the configuration from the hub; null where the hub sets nothing. */
function formatConfig(config: JsonObject): string | null {
  const status = textAt(config, "status");
  if (status === null) return null;
  return `version ${Number(config["version"])} from the hub was ${status}${formatError(sectionAt(config, "error"))}`;
}

/** The phases of the machine, for people. */
const phaseWords: Readonly<Record<string, string>> = { rolledBack: "rolled back from" };

function formatWait(update: JsonObject): string {
  const until = textAt(update, "waitsUntil");
  switch (textAt(update, "waitsFor")) {
    case "order":
      return ", waiting for approval: boardkeeper apply";
    case "window":
      return `, waiting for the maintenance window${until === null ? "" : ` at ${until}`}`;
    case "clock":
      return `, waiting for the clock to be set${textAt(update, "startBy") === null ? ", then for the maintenance window" : ""}`;
    default:
      return "";
  }
}

/** Why it makes no progress: a step that is tried again, or a window that never opens. */
function formatDelay(of: JsonObject): string {
  const delay = sectionAt(of, "delay");
  const code = textAt(delay, "code");
  if (code === null) return "";
  const what = code === "window-missing" ? "" : ", waiting for the next attempt";
  return `${what}: ${textAt(delay, "message") ?? ""} (${code})`;
}

/** By when it must begin, until it has. */
function formatLease(update: JsonObject): string {
  const startBy = textAt(update, "startBy");
  const hasBegun = !["accepted", "downloading", "verifying", "staged"].includes(textAt(update, "phase") ?? "");
  return startBy === null || hasBegun ? "" : `, to begin by ${startBy}`;
}

function formatReboot(state: JsonObject): string {
  const reboot = sectionAt(state, "reboot");
  const phase = textAt(reboot, "phase") ?? "idle";
  const last = sectionAt(reboot, "lastProven");
  const at = textAt(last, "at");
  const lastReboot =
    at === null ? "none proven yet" : `last at ${at}, ${causes[textAt(last, "cause") ?? ""] ?? "cause unknown"}`;
  if (phase === "idle" || phase === "proven") return lastReboot;
  const due = textAt(reboot, "scheduledFor");
  const when = phase === "scheduled" ? ` for ${due ?? "the maintenance window"}${formatDelay(reboot)}` : "";
  return `${phase}${when}${id(reboot)}${formatError(sectionAt(reboot, "error")).replace(/\.$/, "")}; ${lastReboot}`;
}

const causes: Readonly<Record<string, string>> = {
  requested: "as requested",
  update: "for an update",
  other: "not by this agent: a power cut, a crash or somebody else",
};

function formatError(error: JsonObject): string {
  const code = textAt(error, "code");
  return code === null ? "" : `: ${code}, ${textAt(error, "message") ?? ""}`;
}

function id(of: JsonObject): string {
  const operationId = textAt(of, "operationId");
  return operationId === null ? "" : ` (${operationId})`;
}

function join(parts: readonly (string | null)[]): string {
  return parts.filter((part) => part !== null).join(", ") || "unknown";
}
