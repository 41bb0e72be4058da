import { formatDownload } from "../boards/format-progress.ts";
import type { PhaseEntry, Progress } from "./tracker.ts";

/** Shows the progress of an operation: `tty-progress.ts` on a terminal, `plain-progress.ts` in a file or a pipe. */
export interface ProgressView {
  show(progress: Progress): void;
  /** The hub does not answer at the moment; the next read follows. `message` says why. */
  hubUnreachable(message: string): void;
  /** Ends the view. `open`: the operation goes on, but is no longer watched. */
  close(ending: "good" | "bad" | "open"): void;
}

/** A phase on one line, padded so that the notes of several lines are aligned. */
export function formatPhase({ phase, note }: PhaseEntry): string {
  return `${phaseLabel(phase).padEnd(12)} ${note}`.trimEnd();
}

/** The phase as the twin names it, except where that is not an English word. */
function phaseLabel(phase: string): string {
  return phase === "rolledBack" ? "rolled back" : phase;
}

const maxBarColumns = 30;
const minBarColumns = 5;

/** A progress bar with its figures in at most `columns` characters; the figures alone where there is no room for a bar. */
export function formatProgressBar(download: NonNullable<Progress["download"]>, columns: number): string {
  const { receivedBytes, totalBytes } = download;
  if (totalBytes === null || totalBytes <= 0) return formatDownload(download);
  const share = Math.min(1, receivedBytes / totalBytes);
  const figures = `${String(Math.floor(share * 100)).padStart(3)} %  ${formatDownload(download)}`;
  const cells = Math.min(maxBarColumns, columns - figures.length - 1);
  if (cells < minBarColumns) return figures;
  const full = Math.round(share * cells);
  return `${"━".repeat(full)}${"─".repeat(cells - full)} ${figures}`;
}
