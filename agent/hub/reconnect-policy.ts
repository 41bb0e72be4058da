import { expiresTokens, isClockWrong } from "./clock-offset.ts";
import { backoffMs, type BackoffLimits } from "../lib/backoff.ts";
import type { HubWork } from "./connection.ts";
import type { ConnectionErrorKind } from "./connection-error.ts";

/*
 * What the end of a connection means, how long to wait before the next one, and what to tell people. Pure: time and chance
 * are passed in.
 */

/** Why the board is not connected, as far as it can be known. */
export type Diagnosis =
  | "offline"
  | "credentials"
  | "clock"
  | "clock-or-credentials"
  | "certificate"
  | "duplicate-identity"
  | "twin-work-ends-connection"
  | "busy"
  | "quota"
  | "suspended"
  | "hub-error"
  | "hub-refuses";

/** For the person on call, once for each change: what happened, why, what to do. */
export const diagnosisMessages: Readonly<Record<Diagnosis, string>> = {
  offline:
    "The hub cannot be reached, or the connection to it was lost. The agent keeps trying; work that needs no hub continues. To find the cause, run sudo boardkeeper-agent doctor.",
  credentials:
    "The hub refuses this board's credentials: wrong key, device disabled or deleted. Check the connection string and the device in the hub.",
  clock:
    "This board's clock is wrong, or nothing has set it since it booted: by it the hub's certificate or this board's token is not valid. Give the board a time source (NTP).",
  "clock-or-credentials":
    "The hub refuses this board: its clock is wrong, or its credentials are. Nothing has set the clock since the board booted, and the hub's own time could not be asked for. Give the board a time source (NTP). If that changes nothing: wrong key, device disabled or deleted; check the connection string and the device in the hub.",
  certificate:
    "The hub's certificate is not trusted: unknown authority, other name, or expired. Check hub.ca-file, the dates, and whether something intercepts TLS on this network.",
  "duplicate-identity":
    "The hub ends each connection within seconds, although this board asks nothing of it. Most likely somebody else uses the same identity: another board (a copied SD card), or another Azure client on this one. Give each its own device or module.",
  "twin-work-ends-connection":
    "The hub ends each connection when this board reads or writes its twin. Most likely its tier is Basic, which has no twins; or its daily message quota is used up, or it throttles this board. Check the hub's tier and its metrics. If they are good, somebody else may use this board's identity.",
  busy: "The hub throttles this board: too many requests. The agent waits before it tries again.",
  quota:
    "The hub's daily message quota is used up. The agent keeps trying; the quota is reset at midnight UTC. Send less, or use a larger tier of the hub.",
  suspended:
    "The hub is suspended (403001), so it takes nothing from its devices. Look at the hub and its subscription in the Azure portal. The agent keeps trying.",
  "hub-error":
    "The hub is reached, but does not answer as it should: it fails over to another region, or has a fault of its own. The agent keeps trying; work that needs no hub continues. If this lasts for more than an hour, look at the hub and the status of Azure.",
  "hub-refuses":
    "The hub is reached, but refuses what every board asks of it. Its answer says why. Most likely its tier is Basic, which has no twins. Check the hub's tier in the Azure portal.",
};

/** What is remembered of earlier connections. */
export interface ConnectionHistory {
  /** Failed attempts and short connections since the last stable one. */
  readonly failures: number;
  /** Connections in a row that were opened and then ended by the hub or the network within seconds, during the same work. */
  readonly shortConnections: number;
  /** What these were busy with: with the twin, or with nothing. */
  readonly shortDuring: "twin" | null;
  readonly diagnosis: Diagnosis | null;
}

export const initialHistory: ConnectionHistory = {
  failures: 0,
  shortConnections: 0,
  shortDuring: null,
  diagnosis: null,
};

/** A connection that has ended, or a failed attempt to open one. */
export interface EndedConnection {
  readonly kind: ConnectionErrorKind;
  /** How long it was open; null when it never was. */
  readonly upMs: number | null;
  /** What the connection was busy with when it ended; null for nothing. */
  readonly during: HubWork | null;
  /** False when no time server has set the board's clock. */
  readonly clockTrusted: boolean;
  /** The board's time minus the hub's; null where it is not known. */
  readonly clockOffsetMs: number | null;
}

/** A connection that lasts this long clears the history. */
const stableAfterMs = 30_000;
/** A fleet that has lost its hub must not come back as one wave: S1 takes 100 connects/s (iot-hub-devguide-quotas-throttling). */
const firstWaitAfterStableMs = 30_000;
/** Another agent with our identity ends a connection long before this. */
const shortConnectionMs = 15_000;
/** So many short connections in a row have a cause of their own. */
const shortConnectionsForDiagnosis = 3;

/** The waits for each diagnosis, with full jitter. */
const backoffLimits: Readonly<Record<Diagnosis, BackoffLimits>> = {
  offline: { firstMs: 1_000, capMs: 60_000 },
  // A board that waits for a time server should connect soon after it has the time.
  clock: { firstMs: 5_000, capMs: 15_000 },
  "clock-or-credentials": { firstMs: 5_000, capMs: 15_000 },
  credentials: { firstMs: 60_000, capMs: 600_000 },
  certificate: { firstMs: 30_000, capMs: 300_000 },
  "duplicate-identity": { firstMs: 10_000, capMs: 300_000 },
  "twin-work-ends-connection": { firstMs: 30_000, capMs: 900_000 },
  busy: { firstMs: 10_000, capMs: 120_000 },
  quota: { firstMs: 60_000, capMs: 900_000 },
  suspended: { firstMs: 60_000, capMs: 900_000 },
  "hub-error": { firstMs: 1_000, capMs: 60_000 },
  "hub-refuses": { firstMs: 10_000, capMs: 300_000 },
};
/** Retries cost nobody anything while no packet leaves the board. */
const noNetworkCapMs = 10_000;

/**
 * The new history after the end of a connection, and how long to wait before the next attempt.
 * @param random in [0, 1): full jitter, so that a fleet does not come back as one wave
 */
export function nextReconnect(
  before: ConnectionHistory,
  ended: EndedConnection,
  random: number,
): { history: ConnectionHistory; waitMs: number } {
  const { kind, upMs } = ended;
  if (kind === "own") return { history: initialHistory, waitMs: 0 };
  const wasStable = upMs !== null && upMs >= stableAfterMs;
  const failures = wasStable ? 1 : before.failures + 1;
  const short = countShort(before, ended);
  const diagnosis = diagnose(ended, short);
  const history = { failures, ...short, diagnosis };
  const isOutage = wasStable && (kind === "lost" || kind === "silent");
  const waitMs = isOutage ? random * firstWaitAfterStableMs : reconnectDelayMs(diagnosis, kind, failures, random);
  return { history, waitMs };
}

type ShortConnections = Pick<ConnectionHistory, "shortConnections" | "shortDuring">;

/** Counts the short connections in a row that ended during the same work. */
function countShort(before: ShortConnections, { kind, upMs, during }: EndedConnection): ShortConnections {
  const { shortConnections, shortDuring } = before;
  const isShort = kind === "lost" && upMs !== null && upMs < shortConnectionMs;
  // A lost message does not count: who sends messages tells of it, and sends no other for hours (telemetry/monitor.ts).
  if (upMs === null || (isShort && during === "message")) return { shortConnections, shortDuring };
  if (!isShort) return { shortConnections: 0, shortDuring: null };
  const work = during === null ? null : "twin";
  return { shortConnections: shortDuring === work ? shortConnections + 1 : 1, shortDuring: work };
}

function diagnose(ended: EndedConnection, { shortConnections, shortDuring }: ShortConnections): Diagnosis {
  const { kind, clockTrusted, clockOffsetMs } = ended;
  switch (kind) {
    case "certificate-time":
      if (clockOffsetMs === null) return clockTrusted ? "certificate" : "clock";
      return isClockWrong(clockOffsetMs) ? "clock" : "certificate";
    case "refused":
      if (clockOffsetMs === null) return clockTrusted ? "credentials" : "clock-or-credentials";
      return expiresTokens(clockOffsetMs) ? "clock" : "credentials";
    case "untrusted":
      return "certificate";
    case "throttled":
      return "busy";
    case "quota":
      return "quota";
    case "lost":
      if (shortConnections < shortConnectionsForDiagnosis) return "offline";
      // Quota, throttling and the Basic tier end a connection for its use; another client with our identity ends an idle one.
      return shortDuring === null ? "duplicate-identity" : "twin-work-ends-connection";
    case "suspended":
      return "suspended";
    case "hub-error":
    case "missed":
    case "twin-full":
      return "hub-error";
    case "rejected":
      return "hub-refuses";
    case "no-network":
    case "unreachable":
    case "silent":
    case "own":
      return "offline";
  }
}

function reconnectDelayMs(diagnosis: Diagnosis, kind: ConnectionErrorKind, failures: number, random: number): number {
  const { firstMs, capMs } = backoffLimits[diagnosis];
  return backoffMs({ firstMs, capMs: kind === "no-network" ? noNetworkCapMs : capMs }, failures, random);
}

/** What a refusal means after which the call is repeated on the same connection. */
export function diagnoseTransient(kind: ConnectionErrorKind): Diagnosis {
  return kind === "quota" || kind === "suspended" || kind === "hub-error" ? kind : "busy";
}

/** How long to wait before a throttled call is repeated on the same connection. */
export function throttleBackoffMs(kind: ConnectionErrorKind, attempt: number, random: number): number {
  const diagnosis = kind === "quota" || kind === "suspended" ? kind : "busy";
  return reconnectDelayMs(diagnosis, kind, attempt, random);
}
