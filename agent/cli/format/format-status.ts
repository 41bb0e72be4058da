import type { JsonObject } from "../../contract/json.ts";
import { section, text, texts } from "../../contract/reading.ts";

type Lines = readonly (readonly [name: string, value: string | null])[];

/** The state of this board for whoever stands before it, from the answer to `getStatus` or from what is saved of it. */
export function statusRows(state: JsonObject): Lines {
  const agent = section(state, "agent");
  const board = section(state, "board");
  const link = section(state, "link");
  const isRunning = state["running"] === true;
  const problems = [...texts(agent, "problems"), ...texts(state, "problems")];
  return [
    ["Agent", isRunning ? runningLine(agent) : "not running"],
    ["Problems", problems.length === 0 ? null : problems.join(" ")],
    ["State", text(state, "stateDir")],
    ["Hub", isRunning ? linkLine(link) : null],
    ["Board", isRunning ? joined([text(board, "model"), text(board, "arch"), text(board, "os")]) : null],
    ["Boot", isRunning ? text(agent, "bootId") : rebootedLine(state)],
    ["Clock", isRunning ? clockLine(agent) : null],
    ["Firmware", firmwareLine(state)],
    ["Update", updateLine(state)],
    ["Reboot", rebootLine(state)],
  ];
}

function runningLine(agent: JsonObject): string {
  const kind = text(agent, "mode") === "simulated" ? "simulated board" : null;
  return joined([`running ${text(agent, "version") ?? ""}`.trim(), kind, since(agent)]);
}

function since(agent: JsonObject): string | null {
  const startedAt = text(agent, "startedAt");
  return startedAt === null ? null : `since ${startedAt}`;
}

function linkLine(link: JsonObject): string {
  if (link["up"] === true) return "connected";
  return `not connected. ${text(link, "diagnosis") ?? "The first connection is on its way."}`;
}

function clockLine(agent: JsonObject): string {
  return agent["clockSynchronized"] === true ? "set by a time server" : "nothing vouches for it";
}

function rebootedLine({ rebootedSince }: JsonObject): string | null {
  if (typeof rebootedSince !== "boolean") return null;
  return rebootedSince ? "the board has rebooted since the state was saved" : "the same as when the state was saved";
}

function firmwareLine(state: JsonObject): string | null {
  const version = text(state, "firmwareVersion");
  const proven = section(section(state, "update"), "lastProven");
  const [provenVersion, at] = [text(proven, "version"), text(proven, "at")];
  if (version === null) return provenVersion === null ? null : `${provenVersion} was proven last, at ${at ?? "?"}`;
  return provenVersion === version && at !== null ? `${version}, proven at ${at}` : version;
}

function updateLine(state: JsonObject): string {
  const update = section(state, "update");
  const phase = text(update, "phase") ?? "idle";
  if (phase === "idle") return "none yet";
  const what = update["rehearsal"] === true ? "a rehearsal" : (text(update, "version") ?? "an unknown version");
  const endedAt = text(update, "endedAt");
  const error = failure(section(update, "error"));
  const waits = waitWords(update);
  return `${phase} ${what}${endedAt === null ? "" : ` at ${endedAt}`}${waits}${id(update)}${error}`;
}

function waitWords(update: JsonObject): string {
  const until = text(update, "waitsUntil");
  switch (text(update, "waitsFor")) {
    case "order":
      return ", waits for the order to apply it";
    case "window":
      return `, waits for the maintenance window${until === null ? "" : ` at ${until}`}`;
    case "clock":
      return ", waits for the clock to be set, then for the maintenance window";
    default:
      return "";
  }
}

function rebootLine(state: JsonObject): string {
  const reboot = section(state, "reboot");
  const phase = text(reboot, "phase") ?? "idle";
  const last = section(reboot, "lastProven");
  const at = text(last, "at");
  const lastWords =
    at === null ? "none proven yet" : `last at ${at}, ${causes[text(last, "cause") ?? ""] ?? "cause unknown"}`;
  if (phase === "idle" || phase === "proven") return lastWords;
  const due = text(reboot, "scheduledFor");
  const when = phase === "scheduled" ? ` for ${due ?? "the maintenance window"}` : "";
  return `${phase}${when}${id(reboot)}${failure(section(reboot, "error"))}; ${lastWords}`;
}

const causes: Readonly<Record<string, string>> = {
  requested: "as requested",
  update: "for an update",
  other: "not by this agent: a power cut, a crash or a hand",
};

function failure(error: JsonObject): string {
  const code = text(error, "code");
  return code === null ? "" : `: ${code}, ${text(error, "message") ?? ""}`;
}

function id(of: JsonObject): string {
  const operationId = text(of, "operationId");
  return operationId === null ? "" : ` (${operationId})`;
}

function joined(parts: readonly (string | null)[]): string {
  return parts.filter((part) => part !== null).join(", ") || "unknown";
}
