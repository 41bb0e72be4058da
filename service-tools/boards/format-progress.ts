import { saySize } from "../cli/screen/measures.ts";
import type { ConfigView, UpdateView } from "./board-view.ts";

/** How far a download has come, for instance "3.0 MiB of 64.0 MiB"; without its size, "3.0 MiB received". */
export function progressWords({ receivedBytes, totalBytes }: Pick<UpdateView, "receivedBytes" | "totalBytes">): string {
  const received = saySize(receivedBytes ?? 0);
  return totalBytes === null || totalBytes <= 0 ? `${received} received` : `${received} of ${saySize(totalBytes)}`;
}

/** What a staged update waits for; null where it waits for nothing. */
export function waitWords({ waitsFor, waitsUntil }: Pick<UpdateView, "waitsFor" | "waitsUntil">): string | null {
  switch (waitsFor) {
    case "window":
      return waitsUntil === null
        ? "waits for the maintenance window"
        : `waits for the maintenance window at ${waitsUntil}`;
    case "clock":
      return "waits for the board's clock to be set, then for the maintenance window";
    case "order":
      return "waits for the order: boardkeeper apply";
    case null:
      return null;
  }
}

/** How a board took what is set over the hub, after its name; null where there is nothing to say. */
export function configWords(config: ConfigView | null): string | null {
  if (config === null) return null;
  const { version, status, error } = config;
  if (status === "applied") return `has applied the configuration of version ${version}`;
  return `has refused the configuration of version ${version}${error === null ? "" : ` (${error.code}): ${error.message}`}`;
}

/** Why a download stands still, with the board's own sentence. */
export function delayWords({ code, message }: NonNullable<UpdateView["delay"]>): string {
  return `waits for the next try: ${message} (${code})`;
}
