/* Figures of several turns, for people. */

export function median(figures: readonly number[]): number {
  return share(figures, 0.5);
}

/** The figure that this part of all is below: 0.99 for the 99th percentile. */
export function share(figures: readonly number[], part: number): number {
  const sorted = figures.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}

/** `median (least to most)`. */
export function spread(figures: readonly number[], digits = 2): string {
  const text = (figure: number): string => figure.toFixed(digits);
  return `${text(median(figures))} (${text(Math.min(...figures))} to ${text(Math.max(...figures))})`;
}

/** `ratio (goal N, reached)`. */
export function against(ratio: number, goal: number): string {
  return `${ratio.toFixed(2)} (goal ${goal.toFixed(2)}${ratio <= goal ? ", reached" : ", **missed**"})`;
}

/** A table in Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |\n`;
  return line(head) + line(head.map(() => "---")) + rows.map(line).join("");
}
