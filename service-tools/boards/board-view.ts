import type { Failure } from "../../agent/contract/failure.ts";
import { isJsonObject, type Json, type JsonObject } from "../../agent/contract/json.ts";
import { section, text, texts } from "../../agent/contract/reading.ts";
import {
  rebootPhases,
  updatePhases,
  type RebootCause,
  type RebootPhase,
  type UpdatePhase,
} from "../../agent/contract/snapshot.ts";

/** What a twin says about a board. What it does not say is null: a twin may be of any age, and of another agent. */
export interface BoardView {
  readonly connected: boolean;
  readonly lastActivity: string | null;
  /** Null until a Boardkeeper agent has reported. */
  readonly agent: AgentView | null;
  readonly board: BoardFacts;
  readonly firmwareVersion: string | null;
  /** How the board took what is set over the hub; null where nothing is, or the board has not said. */
  readonly config: ConfigView | null;
  readonly update: UpdateView;
  readonly reboot: RebootView;
  readonly desired: DesiredView;
}

interface AgentView {
  readonly version: string | null;
  readonly mode: string | null;
  readonly startedAt: string | null;
  readonly bootId: string | null;
  /** What was wrong at its start, one sentence each: of its configuration, of its saved state. */
  readonly problems: readonly string[];
}

export interface ConfigView {
  /** Of the desired properties that were read. */
  readonly version: number;
  readonly status: "applied" | "refused";
  readonly error: { readonly code: string; readonly message: string } | null;
}

interface BoardFacts {
  readonly model: string | null;
  readonly os: string | null;
  readonly kernel: string | null;
  readonly arch: string | null;
  readonly memoryBytes: number | null;
}

export interface UpdateView {
  readonly phase: UpdatePhase;
  readonly operationId: string | null;
  readonly version: string | null;
  readonly rehearsal: boolean;
  readonly receivedBytes: number | null;
  readonly totalBytes: number | null;
  readonly attempt: number | null;
  readonly waitsFor: "window" | "clock" | "order" | null;
  /** When the maintenance window lets it through, as far as the board knows. */
  readonly waitsUntil: string | null;
  /** What a download waits for until its next try. */
  readonly delay: { readonly code: string; readonly message: string } | null;
  readonly endedAt: string | null;
  readonly error: Failure | null;
  readonly refused: { readonly code: string; readonly message: string; readonly desiredVersion: number } | null;
  readonly lastProven: {
    readonly operationId: string | null;
    readonly version: string;
    readonly at: string;
  } | null;
}

export interface RebootView {
  readonly phase: RebootPhase;
  readonly operationId: string | null;
  readonly reason: string | null;
  readonly scheduledFor: string | null;
  readonly fromBootId: string | null;
  readonly cause: RebootCause | null;
  readonly error: Failure | null;
  readonly lastProven: { readonly at: string; readonly cause: RebootCause } | null;
}

interface DesiredView {
  /** Null when the desired properties declare no firmware. */
  readonly firmwareOperationId: string | null;
  readonly version: number;
}

/** Reads a twin as the hub tells it. Total: what is missing or has another shape counts as not said. */
export function boardViewFrom(twin: JsonObject): BoardView {
  const properties = section(twin, "properties");
  const reported = section(section(properties, "reported"), "boardkeeper");
  const agent = reported["agent"];
  const board = section(reported, "board");
  return {
    connected: twin["connectionState"] === "Connected",
    lastActivity: realTime(text(twin, "lastActivityTime")),
    agent: isJsonObject(agent)
      ? {
          version: text(agent, "version"),
          mode: text(agent, "mode"),
          startedAt: text(agent, "startedAt"),
          bootId: text(agent, "bootId"),
          problems: texts(agent, "problems"),
        }
      : null,
    board: {
      model: text(board, "model"),
      os: text(board, "os"),
      kernel: text(board, "kernel"),
      arch: text(board, "arch"),
      memoryBytes: number(board, "memoryBytes"),
    },
    firmwareVersion: text(reported, "firmwareVersion"),
    config: configFrom(section(reported, "config")),
    update: updateFrom(section(reported, "update")),
    reboot: rebootFrom(section(reported, "reboot")),
    desired: desiredFrom(section(properties, "desired")),
  };
}

function configFrom(config: JsonObject): ConfigView | null {
  const [version, status] = [number(config, "version"), oneOf(["applied", "refused"], config["status"])];
  return version === null || status === undefined ? null : { version, status, error: codedFrom(config, "error") };
}

function updateFrom(update: JsonObject): UpdateView {
  const proven = section(update, "lastProven");
  const [version, at] = [text(proven, "version"), text(proven, "at")];
  const refused = section(update, "refused");
  const code = text(refused, "code");
  return {
    phase: oneOf(updatePhases, update["phase"]) ?? "idle",
    operationId: text(update, "operationId"),
    version: text(update, "version"),
    rehearsal: update["rehearsal"] === true,
    receivedBytes: number(update, "receivedBytes"),
    totalBytes: number(update, "totalBytes"),
    attempt: number(update, "attempt"),
    waitsFor: oneOf(["window", "clock", "order"], update["waitsFor"]) ?? null,
    waitsUntil: text(update, "waitsUntil"),
    delay: codedFrom(update, "delay"),
    endedAt: text(update, "endedAt"),
    error: failureFrom(update),
    refused:
      code === null
        ? null
        : { code, message: text(refused, "message") ?? "", desiredVersion: number(refused, "desiredVersion") ?? 0 },
    lastProven: version === null || at === null ? null : { operationId: text(proven, "operationId"), version, at },
  };
}

function rebootFrom(reboot: JsonObject): RebootView {
  const proven = section(reboot, "lastProven");
  const [at, cause] = [text(proven, "at"), causeFrom(proven)];
  return {
    phase: oneOf(rebootPhases, reboot["phase"]) ?? "idle",
    operationId: text(reboot, "operationId"),
    reason: text(reboot, "reason"),
    scheduledFor: text(reboot, "scheduledFor"),
    fromBootId: text(reboot, "fromBootId"),
    cause: causeFrom(reboot),
    error: failureFrom(reboot),
    lastProven: at === null || cause === null ? null : { at, cause },
  };
}

function desiredFrom(desired: JsonObject): DesiredView {
  return {
    firmwareOperationId: text(section(desired, "firmware"), "operationId"),
    version: number(desired, "$version") ?? 0,
  };
}

function failureFrom(parent: JsonObject): Failure | null {
  const error = section(parent, "error");
  const [code, during, message] = [text(error, "code"), text(error, "during"), text(error, "message")];
  return code === null ? null : { code, during: during ?? "", message: message ?? "" };
}

function codedFrom(parent: JsonObject, key: string): { readonly code: string; readonly message: string } | null {
  const coded = section(parent, key);
  const code = text(coded, "code");
  return code === null ? null : { code, message: text(coded, "message") ?? "" };
}

function causeFrom(parent: JsonObject): RebootCause | null {
  return oneOf(["requested", "update", "other"], parent["cause"]) ?? null;
}

/** The hub says 0001-01-01T00:00:00Z for "never". */
function realTime(time: string | null): string | null {
  return time === null || time.startsWith("0001-") ? null : time;
}

function number(parent: JsonObject, key: string): number | null {
  const value = parent[key];
  return typeof value === "number" ? value : null;
}

function oneOf<const T extends string>(known: readonly T[], value: Json | undefined): T | undefined {
  return known.find((one) => one === value);
}
