import type { Failure } from "../../agent/contract/failure.ts";
import { isJsonObject, type Json, type JsonObject, sectionAt, textAt, textsAt } from "../../agent/contract/json.ts";
import {
  rebootPhases,
  updatePhases,
  type RebootCause,
  type RebootPhase,
  type UpdatePhase,
} from "../../agent/contract/snapshot.ts";

/** What a twin says about a board. Absent values are null: a twin may be old, or of another agent. */
export interface BoardView {
  readonly connected: boolean;
  readonly lastActivity: string | null;
  /** Null until a Boardkeeper agent has reported. */
  readonly agent: AgentView | null;
  readonly board: BoardFacts;
  /** Whose images it installs; null for an agent that knows no signatures. */
  readonly trust: TrustView | null;
  readonly firmwareVersion: string | null;
  /** The board's answer to its remote configuration; null when nothing is set, or it has not answered. */
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
  /** One sentence per problem at its start, such as a configuration with mistakes. */
  readonly problems: readonly string[];
  /** What it understands beyond the first contract (agent/contract/features.ts); none for an older agent. */
  readonly features: readonly string[];
}

export interface ConfigView {
  /** The version of the desired properties that it answers. */
  readonly version: number;
  readonly status: "applied" | "refused";
  readonly error: { readonly code: string; readonly message: string } | null;
}

export interface TrustView {
  /** Null on a board without a trust root. */
  readonly rootVersion: number | null;
  /** When that root expires. */
  readonly expires: string | null;
  readonly unsignedAllowed: boolean;
}

interface BoardFacts {
  readonly model: string | null;
  /** The names that signed images may be for, the most specific first. */
  readonly compatible: readonly string[];
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
  /** The time by which it must begin. */
  readonly startBy: string | null;
  readonly waitsFor: "window" | "clock" | "order" | null;
  /** When the maintenance window opens, if the board knows. */
  readonly waitsUntil: string | null;
  /** Why a download or another step waits for its next attempt, or why its window never opens. */
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
  /** Why the maintenance window that it waits for never opens. */
  readonly delay: { readonly code: string; readonly message: string } | null;
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

/** Parses a twin. Never throws: a value that is missing or has the wrong type counts as absent. */
export function parseBoardView(twin: JsonObject): BoardView {
  const properties = sectionAt(twin, "properties");
  const reported = sectionAt(sectionAt(properties, "reported"), "boardkeeper");
  const agent = reported["agent"];
  const board = sectionAt(reported, "board");
  return {
    connected: twin["connectionState"] === "Connected",
    lastActivity: realTime(textAt(twin, "lastActivityTime")),
    agent: isJsonObject(agent)
      ? {
          version: textAt(agent, "version"),
          mode: textAt(agent, "mode"),
          startedAt: textAt(agent, "startedAt"),
          bootId: textAt(agent, "bootId"),
          problems: textsAt(agent, "problems"),
          features: textsAt(agent, "features"),
        }
      : null,
    board: {
      model: textAt(board, "model"),
      compatible: textsAt(board, "compatible"),
      os: textAt(board, "os"),
      kernel: textAt(board, "kernel"),
      arch: textAt(board, "arch"),
      memoryBytes: number(board, "memoryBytes"),
    },
    trust: trustFrom(reported["trust"]),
    firmwareVersion: textAt(reported, "firmwareVersion"),
    config: configFrom(sectionAt(reported, "config")),
    update: updateFrom(sectionAt(reported, "update")),
    reboot: rebootFrom(sectionAt(reported, "reboot")),
    desired: desiredFrom(sectionAt(properties, "desired")),
  };
}

function trustFrom(trust: Json | undefined): TrustView | null {
  if (!isJsonObject(trust)) return null;
  const [rootVersion, expires] = [number(trust, "rootVersion"), textAt(trust, "expires")];
  return { rootVersion, expires, unsignedAllowed: trust["unsignedAllowed"] === true };
}

function configFrom(config: JsonObject): ConfigView | null {
  const [version, status] = [number(config, "version"), oneOf(["applied", "refused"], config["status"])];
  return version === null || status === undefined ? null : { version, status, error: codedFrom(config, "error") };
}

function updateFrom(update: JsonObject): UpdateView {
  const proven = sectionAt(update, "lastProven");
  const [version, at] = [textAt(proven, "version"), textAt(proven, "at")];
  const refused = sectionAt(update, "refused");
  const code = textAt(refused, "code");
  return {
    phase: oneOf(updatePhases, update["phase"]) ?? "idle",
    operationId: textAt(update, "operationId"),
    version: textAt(update, "version"),
    rehearsal: update["rehearsal"] === true,
    receivedBytes: number(update, "receivedBytes"),
    totalBytes: number(update, "totalBytes"),
    attempt: number(update, "attempt"),
    startBy: textAt(update, "startBy"),
    waitsFor: oneOf(["window", "clock", "order"], update["waitsFor"]) ?? null,
    waitsUntil: textAt(update, "waitsUntil"),
    delay: codedFrom(update, "delay"),
    endedAt: textAt(update, "endedAt"),
    error: failureFrom(update),
    refused:
      code === null
        ? null
        : { code, message: textAt(refused, "message") ?? "", desiredVersion: number(refused, "desiredVersion") ?? 0 },
    lastProven: version === null || at === null ? null : { operationId: textAt(proven, "operationId"), version, at },
  };
}

function rebootFrom(reboot: JsonObject): RebootView {
  const proven = sectionAt(reboot, "lastProven");
  const [at, cause] = [textAt(proven, "at"), causeFrom(proven)];
  return {
    phase: oneOf(rebootPhases, reboot["phase"]) ?? "idle",
    operationId: textAt(reboot, "operationId"),
    reason: textAt(reboot, "reason"),
    scheduledFor: textAt(reboot, "scheduledFor"),
    delay: codedFrom(reboot, "delay"),
    fromBootId: textAt(reboot, "fromBootId"),
    cause: causeFrom(reboot),
    error: failureFrom(reboot),
    lastProven: at === null || cause === null ? null : { at, cause },
  };
}

function desiredFrom(desired: JsonObject): DesiredView {
  return {
    firmwareOperationId: textAt(sectionAt(desired, "firmware"), "operationId"),
    version: number(desired, "$version") ?? 0,
  };
}

function failureFrom(parent: JsonObject): Failure | null {
  const error = sectionAt(parent, "error");
  const [code, during, message] = [textAt(error, "code"), textAt(error, "during"), textAt(error, "message")];
  return code === null ? null : { code, during: during ?? "", message: message ?? "" };
}

function codedFrom(parent: JsonObject, key: string): { readonly code: string; readonly message: string } | null {
  const coded = sectionAt(parent, key);
  const code = textAt(coded, "code");
  return code === null ? null : { code, message: textAt(coded, "message") ?? "" };
}

function causeFrom(parent: JsonObject): RebootCause | null {
  return oneOf(["requested", "update", "other"], parent["cause"]) ?? null;
}

/** IoT Hub sends 0001-01-01T00:00:00Z for "never". */
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
