import { progressWords } from "../boards/format-progress.ts";
import type { PhaseNote, Scene } from "./tracker.ts";

/* What the lines say, whoever draws them. */

/** A phase in one line: its name, padded so that the notes stand below each other. */
export function phaseLine({ phase, note }: PhaseNote): string {
  return `${wordsFor(phase).padEnd(12)} ${note}`.trimEnd();
}

/** The phases as they are in the twin, except where that is no English. */
function wordsFor(phase: string): string {
  return phase === "rolledBack" ? "rolled back" : phase;
}

const longestBar = 30;

/** A progress bar with its figures, no wider than a number of columns; figures alone where there is no room for a bar. */
export function progressBar(progress: NonNullable<Scene["progress"]>, columns: number): string {
  const { receivedBytes, totalBytes } = progress;
  if (totalBytes === null || totalBytes <= 0) return progressWords(progress);
  const share = Math.min(1, receivedBytes / totalBytes);
  const figures = `${String(Math.floor(share * 100)).padStart(3)} %  ${progressWords(progress)}`;
  const cells = Math.min(longestBar, columns - figures.length - 1);
  if (cells < 5) return figures;
  const full = Math.round(share * cells);
  return `${"━".repeat(full)}${"─".repeat(cells - full)} ${figures}`;
}
