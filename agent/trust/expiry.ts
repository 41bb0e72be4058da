import type { Snapshot, Targets } from "@tufjs/models";
import { AgentError } from "../lib/errors.ts";
import { parseTime, type MetadataFile } from "./metadata-file.ts";
import type { ReferenceClock } from "./ports.ts";
import type { TrustedRoot, TrustedTimestamp } from "./roles.ts";

/*
 * Which metadata has expired, and by which time. A wall clock counts only while it is synchronized, and is never saved: a forged
 * answer of a time server must not expire everything for ever. What is saved are times that the publisher has signed.
 */

/** The time by which metadata may have expired, and where it comes from. */
export interface ReferenceTime {
  /** In milliseconds since 1970; -Infinity where nothing is known of the time. */
  readonly ms: number;
  /** "by this board's clock", "by the newest signed time". */
  readonly source: string;
}

/** The later of the wall clock, where it is synchronized, and the signed times. */
export function referenceTime(clock: ReferenceClock, signedMs: readonly number[]): ReferenceTime {
  const signed = Math.max(...signedMs);
  return clock.isSynchronized && !(clock.nowMs < signed)
    ? { ms: clock.nowMs, source: "by this board's clock" }
    : { ms: signed, source: "by the newest time that the publisher has signed" };
}

/** The saved signed time in milliseconds; nothing where there is none. @throws AgentError `trust-store-damaged` */
export function savedTimes(issued: string | null): number[] {
  if (issued === null) return [];
  const ms = parseTime(issued);
  if (ms !== undefined) return [ms];
  throw new AgentError(
    "trust-store-damaged",
    "The record of the trust store has a signed time that is none. Remove record.json as root; the board makes it anew.",
  );
}

function isExpired({ expiresMs }: MetadataFile<unknown>, { ms }: ReferenceTime): boolean {
  return !(ms < expiresMs); // A time that is no number expires everything.
}

/** @throws AgentError `metadata-expired` */
export function requireUnexpired(file: TrustedRoot | MetadataFile<Targets>, time: ReferenceTime): void {
  if (!isExpired(file, time)) return;
  const command = "consistentSnapshot" in file.signed ? "boardkeeper repo rotate" : "boardkeeper repo refresh";
  throw new AgentError(
    "metadata-expired",
    `The metadata file ${file.name} expired on ${day(file.expiresMs)}; it is ${day(time.ms)} ${time.source}. Its publisher must sign it again (${command}). If this date is wrong, set the clock; nothing else is needed.`,
  );
}

/** Why timestamp or snapshot is out of date, as a sentence; null where both are fresh. */
export function stalenessOf(
  timestamp: TrustedTimestamp,
  snapshot: MetadataFile<Snapshot>,
  time: ReferenceTime,
): string | null {
  const stale = [timestamp, snapshot].filter((file) => isExpired(file, time));
  const [first] = stale.sort((a, b) => a.expiresMs - b.expiresMs);
  if (first === undefined) return null;
  return `The metadata file ${first.name} is stale since ${day(first.expiresMs)}: newer images may have been published that this board has not seen. Refresh it from the repository; its publisher signs it again with boardkeeper repo refresh.`;
}

function day(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? "no date" : date.toISOString().slice(0, 10);
}
