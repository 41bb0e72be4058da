import { saySize } from "../screen/measures.ts";
import type { PhaseNote, Scene } from "./scene.ts";

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
export function progressBar({ receivedBytes, totalBytes }: NonNullable<Scene["progress"]>, columns: number): string {
  if (totalBytes === null || totalBytes <= 0) return saySize(receivedBytes);
  const share = Math.min(1, receivedBytes / totalBytes);
  const figures = `${String(Math.floor(share * 100)).padStart(3)} %  ${saySize(receivedBytes)} of ${saySize(totalBytes)}`;
  const cells = Math.min(longestBar, columns - figures.length - 1);
  if (cells < 5) return figures;
  const full = Math.round(share * cells);
  return `${"━".repeat(full)}${"─".repeat(cells - full)} ${figures}`;
}
