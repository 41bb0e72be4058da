import { backoffMs, type BackoffLimits } from "../lib/backoff.ts";
import type { ConnectionErrorKind } from "./connection-error.ts";

/*
 * What the end of a connection means, how long to wait before the next one, and what to say: decisions without a clock or
 * chance of their own.
 */

/** What stands between the board and its hub, as far as it can be told. */
export type Diagnosis = "offline" | "credentials" | "clock" | "certificate" | "rival" | "busy" | "quota";

/** What to tell the person on call, once for each change: what, why, what to do. */
export const diagnosisMessages: Readonly<Record<Diagnosis, string>> = {
  offline: "The hub cannot be reached. The agent goes on trying; what needs no hub goes on.",
  credentials:
    "The hub refuses this board's credentials: wrong key, device disabled or deleted. Check the connection string and the device in the hub.",
  clock:
    "Most likely this board's clock is wrong: nothing has set it since it booted, and by it the hub's certificate or this board's token is not valid. Give the board a time source (NTP).",
  certificate:
    "The hub's certificate is not trusted: unknown authority or other name. Check hub.ca-file, and whether something intercepts TLS on this network.",
  rival:
    "The hub ends each connection within seconds. Most likely another agent uses the same identity (a copied SD card): give each board its own.",
  busy: "The hub has asked for fewer requests. The agent waits as it asks.",
  quota: "The hub's messages of today are used up. The agent goes on trying; they are counted anew at midnight UTC.",
};

/** What is remembered of the connections before. */
export interface ConnectionHistory {
  /** Failed attempts and short connections since the last steady one. */
  readonly failures: number;
  /** Connections in a row that came up and were ended from outside within seconds. */
  readonly shortLives: number;
  readonly diagnosis: Diagnosis | null;
}

export const initialHistory: ConnectionHistory = { failures: 0, shortLives: 0, diagnosis: null };

/** A connection, or the attempt at one, that has ended. */
export interface EndedConnection {
  readonly kind: ConnectionErrorKind;
  /** How long it was up; null when it never came up. */
  readonly upMs: number | null;
  /** False when nothing vouches for the board's clock. */
  readonly clockTrusted: boolean;
}

/** So long a connection has to hold before the ones before it are forgotten. */
const stableAfterMs = 30_000;
/** A rival with our identity ends a connection long before this. */
const shortLifeMs = 15_000;
const shortLivesOfDuplicateIdentity = 3;

/** The waits for each diagnosis, with full jitter. */
const backoffLimits: Readonly<Record<Diagnosis, BackoffLimits>> = {
  offline: { firstMs: 1_000, capMs: 60_000 },
  // A board that waits for a time server wants to be there soon after it.
  clock: { firstMs: 5_000, capMs: 15_000 },
  credentials: { firstMs: 60_000, capMs: 600_000 },
  certificate: { firstMs: 30_000, capMs: 300_000 },
  rival: { firstMs: 10_000, capMs: 300_000 },
  busy: { firstMs: 10_000, capMs: 120_000 },
  quota: { firstMs: 60_000, capMs: 900_000 },
};
/** Where no packet leaves the board, trying again costs nobody anything. */
const noNetworkCapMs = 10_000;

/**
 * What the end of a connection comes to.
 * @param random in [0, 1): full jitter, so that a fleet does not come back as one wave
 */
export function nextReconnect(
  before: ConnectionHistory,
  ended: EndedConnection,
  random: number,
): { history: ConnectionHistory; waitMs: number } {
  const { kind, upMs } = ended;
  if (kind === "own") return { history: initialHistory, waitMs: 0 };
  const wasSteady = upMs !== null && upMs >= stableAfterMs;
  const failures = wasSteady ? 1 : before.failures + 1;
  const isShort = kind === "lost" && upMs !== null && upMs < shortLifeMs;
  const shortLives = isShort ? before.shortLives + 1 : upMs === null ? before.shortLives : 0;
  const diagnosis = diagnose(ended, shortLives);
  const history = { failures, shortLives, diagnosis };
  return { history, waitMs: reconnectDelayMs(diagnosis, kind, failures, random) };
}

function diagnose({ kind, clockTrusted }: EndedConnection, shortLives: number): Diagnosis {
  switch (kind) {
    case "certificate-time":
      return clockTrusted ? "certificate" : "clock";
    case "refused":
      return clockTrusted ? "credentials" : "clock";
    case "untrusted":
      return "certificate";
    case "throttled":
      return "busy";
    case "quota":
      return "quota";
    case "lost":
      return shortLives >= shortLivesOfDuplicateIdentity ? "rival" : "offline";
    case "no-network":
    case "unreachable":
    case "silent":
    case "hub-error":
    case "rejected":
    case "missed":
    case "own":
      return "offline";
  }
}

function reconnectDelayMs(diagnosis: Diagnosis, kind: ConnectionErrorKind, failures: number, random: number): number {
  const { firstMs, capMs } = backoffLimits[diagnosis];
  return backoffMs({ firstMs, capMs: kind === "no-network" ? noNetworkCapMs : capMs }, failures, random);
}

/** How long to wait before a call is made again over the same connection, because the hub has asked for patience. */
export function throttleBackoffMs(kind: ConnectionErrorKind, attempt: number, random: number): number {
  return reconnectDelayMs(kind === "quota" ? "quota" : "busy", kind, attempt, random);
}
