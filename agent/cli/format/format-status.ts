import { type JsonObject, sectionAt, textAt, textsAt } from "../../contract/json.ts";

type Lines = readonly (readonly [name: string, value: string | null])[];

/** The state of this board for whoever stands before it, from the answer to `getStatus` or from what is saved of it. */
export function statusRows(state: JsonObject): Lines {
  const agent = sectionAt(state, "agent");
  const board = sectionAt(state, "board");
  const link = sectionAt(state, "link");
  const isRunning = state["running"] === true;
  const problems = [...textsAt(agent, "problems"), ...textsAt(state, "problems")];
  return [
    ["Agent", isRunning ? runningLine(agent) : "not running"],
    ["Problems", problems.length === 0 ? null : problems.join(" ")],
    ["State", textAt(state, "stateDir")],
    ["Hub", isRunning ? linkLine(link) : null],
    ["Board", isRunning ? joined([textAt(board, "model"), textAt(board, "arch"), textAt(board, "os")]) : null],
    ["Boot", isRunning ? textAt(agent, "bootId") : rebootedLine(state)],
    ["Clock", isRunning ? clockLine(agent) : null],
    ["Firmware", firmwareLine(state)],
    ["Update", updateLine(state)],
    ["Reboot", rebootLine(state)],
  ];
}

function runningLine(agent: JsonObject): string {
  const kind = textAt(agent, "mode") === "simulated" ? "simulated board" : null;
  return joined([`running ${textAt(agent, "version") ?? ""}`.trim(), kind, since(agent)]);
}

function since(agent: JsonObject): string | null {
  const startedAt = textAt(agent, "startedAt");
  return startedAt === null ? null : `since ${startedAt}`;
}

function linkLine(link: JsonObject): string {
  if (link["up"] === true) return "connected";
  return `not connected. ${textAt(link, "diagnosis") ?? "The first connection is on its way."}`;
}

function clockLine(agent: JsonObject): string {
  return agent["clockSynchronized"] === true ? "set by a time server" : "nothing vouches for it";
}

function rebootedLine({ rebootedSince }: JsonObject): string | null {
  if (typeof rebootedSince !== "boolean") return null;
  return rebootedSince ? "the board has rebooted since the state was saved" : "the same as when the state was saved";
}

function firmwareLine(state: JsonObject): string | null {
  const version = textAt(state, "firmwareVersion");
  const proven = sectionAt(sectionAt(state, "update"), "lastProven");
  const [provenVersion, at] = [textAt(proven, "version"), textAt(proven, "at")];
  if (version === null) return provenVersion === null ? null : `${provenVersion} was proven last, at ${at ?? "?"}`;
  return provenVersion === version && at !== null ? `${version}, proven at ${at}` : version;
}

function updateLine(state: JsonObject): string {
  const update = sectionAt(state, "update");
  const phase = textAt(update, "phase") ?? "idle";
  if (phase === "idle") return "none yet";
  const what = update["rehearsal"] === true ? "a rehearsal" : (textAt(update, "version") ?? "an unknown version");
  const endedAt = textAt(update, "endedAt");
  const error = failure(sectionAt(update, "error"));
  const waits = waitWords(update);
  return `${phase} ${what}${endedAt === null ? "" : ` at ${endedAt}`}${waits}${id(update)}${error}`;
}

function waitWords(update: JsonObject): string {
  const until = textAt(update, "waitsUntil");
  switch (textAt(update, "waitsFor")) {
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
  const reboot = sectionAt(state, "reboot");
  const phase = textAt(reboot, "phase") ?? "idle";
  const last = sectionAt(reboot, "lastProven");
  const at = textAt(last, "at");
  const lastWords =
    at === null ? "none proven yet" : `last at ${at}, ${causes[textAt(last, "cause") ?? ""] ?? "cause unknown"}`;
  if (phase === "idle" || phase === "proven") return lastWords;
  const due = textAt(reboot, "scheduledFor");
  const when = phase === "scheduled" ? ` for ${due ?? "the maintenance window"}` : "";
  return `${phase}${when}${id(reboot)}${failure(sectionAt(reboot, "error"))}; ${lastWords}`;
}

const causes: Readonly<Record<string, string>> = {
  requested: "as requested",
  update: "for an update",
  other: "not by this agent: a power cut, a crash or a hand",
};

function failure(error: JsonObject): string {
  const code = textAt(error, "code");
  return code === null ? "" : `: ${code}, ${textAt(error, "message") ?? ""}`;
}

function id(of: JsonObject): string {
  const operationId = textAt(of, "operationId");
  return operationId === null ? "" : ` (${operationId})`;
}

function joined(parts: readonly (string | null)[]): string {
  return parts.filter((part) => part !== null).join(", ") || "unknown";
}
