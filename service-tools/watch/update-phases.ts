import type { UpdateView } from "../boards/board-view.ts";

const path: readonly string[] = [
  "accepted",
  "downloading",
  "verifying",
  "staged",
  "applying",
  "rebooting",
  "proving",
  "completed",
];

/**
 * The phases that an update has entered since the last look, the present one last. A look each second misses the short
 * ones; they are told all the same, because no update comes past them. Only `rebooting` must be seen: not every board
 * restarts for an update.
 * @param last the phase at the last look; undefined at the first
 */
export function phasesSince(last: string | undefined, { phase, error }: UpdateView): readonly string[] {
  if (last !== undefined && !path.includes(last)) return [phase];
  const reached = path.includes(phase) ? phase : error?.during;
  const afterLast = last === undefined ? 0 : path.indexOf(last) + 1;
  const untilReached = reached === undefined ? 0 : path.indexOf(reached) + 1;
  const passed = path
    .slice(afterLast, untilReached)
    .filter((one) => one !== phase && (one !== "rebooting" || one === reached));
  return [...passed, phase];
}
