import { progressWords } from "../boards/format-progress.ts";
import { stopwatch } from "../cli/screen/measures.ts";
import type { Screen } from "../cli/screen/screen.ts";
import type { Timer } from "../cli/timer.ts";
import { phaseLine } from "./lines.ts";
import type { FollowView } from "./progress-view.ts";
import type { Scene } from "./tracker.ts";

/** For files and pipes: a line for each phase, as it is entered. */
export class PlainView implements FollowView {
  readonly #screen: Screen;
  readonly #timer: Timer;
  readonly #beganMs: number;
  #told = 0;
  #delay: string | null = null;
  #inTrouble = false;

  constructor(screen: Screen, timer: Timer) {
    this.#screen = screen;
    this.#timer = timer;
    this.#beganMs = timer.nowMs();
  }

  show({ phases, progress, delay }: Scene): void {
    if (this.#inTrouble) this.#line("the hub answers again");
    this.#inTrouble = false;
    for (const one of phases.slice(this.#told)) this.#line(phaseLine(one));
    const present = phases.at(-1);
    if (phases.length > this.#told) this.#delay = null;
    this.#told = phases.length;
    if (present !== undefined && delay !== this.#delay) {
      const received = progress === null ? "" : `, ${progressWords(progress)}`;
      this.#line(phaseLine({ ...present, note: delay ?? `goes on${received}` }));
    }
    this.#delay = delay;
  }

  trouble(sentence: string): void {
    if (!this.#inTrouble) this.#line(`${sentence} Trying again.`);
    this.#inTrouble = true;
  }

  close(): void {
    // Every line is complete as it is written.
  }

  #line(text: string): void {
    this.#screen.write(`  ${stopwatch(this.#timer.nowMs() - this.#beganMs)}  ${text}\n`);
  }
}
