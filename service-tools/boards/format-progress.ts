import { formatSize } from "../cli/units.ts";
import { targetFlags, type Target } from "../hub-client/hub-client.ts";
import type { ConfigView, UpdateView } from "./board-view.ts";

/* Parts of sentences about a board that `status`, `watch` and `--wait` share. */

/** "3.0 MiB of 64.0 MiB"; without a known size, "3.0 MiB received". */
export function formatDownload({
  receivedBytes,
  totalBytes,
}: Pick<UpdateView, "receivedBytes" | "totalBytes">): string {
  const received = formatSize(receivedBytes ?? 0);
  return totalBytes === null || totalBytes <= 0 ? `${received} received` : `${received} of ${formatSize(totalBytes)}`;
}

/** What a staged update is waiting for; null when it is not waiting. */
export function formatWait(
  target: Target,
  { waitsFor, waitsUntil, startBy, delay }: Pick<UpdateView, "waitsFor" | "waitsUntil" | "startBy" | "delay">,
): string | null {
  switch (waitsFor) {
    case "window":
      if (delay !== null)
        return `waiting for a maintenance window: ${delay.message} (${delay.code}) Run: boardkeeper apply ${targetFlags(target)}`;
      return `waiting for the maintenance window${waitsUntil === null ? "" : ` at ${waitsUntil}`}`;
    case "clock":
      return `waiting until the board's clock is set${startBy === null ? ", then for the maintenance window" : ""}`;
    case "order":
      return `waiting for approval; run: boardkeeper apply ${targetFlags(target)}`;
    case null:
      return delay === null ? null : formatDelay(delay);
  }
}

/** By when an update must begin to change the board; empty where it has no such time, or has begun. */
export function formatLease({ phase, startBy }: Pick<UpdateView, "phase" | "startBy">): string {
  const hasBegun = !["accepted", "downloading", "verifying", "staged"].includes(phase);
  return startBy === null || hasBegun ? "" : `, to begin by ${startBy}`;
}

/** Why an update makes no progress, with the board's own sentence. */
export function formatDelay({ code, message }: NonNullable<UpdateView["delay"]>): string {
  return `waiting for the next attempt: ${message} (${code})`;
}

/** The board's answer to its remote configuration, to be read after the board's name; null when there is none. */
export function formatConfig(config: ConfigView | null): string | null {
  if (config === null) return null;
  const { version, status, error } = config;
  if (status === "applied") return `has applied configuration version ${version}`;
  return `has refused configuration version ${version}${error === null ? "" : ` (${error.code}): ${error.message}`}`;
}
