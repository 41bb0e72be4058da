import { formatDownload } from "../boards/format-progress.ts";
import type { Screen } from "../cli/screen.ts";
import type { Timer } from "../cli/timer.ts";
import { formatElapsed } from "../cli/units.ts";
import { formatPhase, type ProgressView } from "./progress-view.ts";
import type { Progress } from "./tracker.ts";

/** For files and pipes: one line for each phase when it begins. */
export class PlainProgress implements ProgressView {
  readonly #screen: Screen;
  readonly #timer: Timer;
  readonly #startedMs: number;
  #printedPhases = 0;
  #delay: string | null = null;
  #isHubUnreachable = false;

  constructor(screen: Screen, timer: Timer) {
    this.#screen = screen;
    this.#timer = timer;
    this.#startedMs = timer.nowMs();
  }

  show({ phases, download, delay }: Progress): void {
    if (this.#isHubUnreachable) this.#print("the hub answers again");
    this.#isHubUnreachable = false;
    for (const entry of phases.slice(this.#printedPhases)) this.#print(formatPhase(entry));
    const present = phases.at(-1);
    if (phases.length > this.#printedPhases) this.#delay = null;
    this.#printedPhases = phases.length;
    if (present !== undefined && delay !== this.#delay) {
      const received = download === null ? "" : `, ${formatDownload(download)}`;
      this.#print(formatPhase({ ...present, note: delay ?? `continues${received}` }));
    }
    this.#delay = delay;
  }

  hubUnreachable(message: string): void {
    if (!this.#isHubUnreachable) this.#print(`${message} Trying again.`);
    this.#isHubUnreachable = true;
  }

  close(): void {
    // Nothing to finish: each line was complete when it was written.
  }

  #print(text: string): void {
    this.#screen.write(`  ${formatElapsed(this.#timer.nowMs() - this.#startedMs)}  ${text}\n`);
  }
}
