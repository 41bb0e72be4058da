import { saySize } from "../screen/measures.ts";
import type { UpdateView } from "./board-view.ts";

/** How far a download has come, for instance "3.0 MiB of 64.0 MiB"; without its size, "3.0 MiB received". */
export function progressWords({ receivedBytes, totalBytes }: Pick<UpdateView, "receivedBytes" | "totalBytes">): string {
  const received = saySize(receivedBytes ?? 0);
  return totalBytes === null || totalBytes <= 0 ? `${received} received` : `${received} of ${saySize(totalBytes)}`;
}

/** Why a download stands still, with the board's own sentence. */
export function delayWords({ code, message }: NonNullable<UpdateView["delay"]>): string {
  return `waits for the next try: ${message} (${code})`;
}
