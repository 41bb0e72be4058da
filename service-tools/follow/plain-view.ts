import { stopwatch } from "../screen/measures.ts";
import type { Screen } from "../screen/screen.ts";
import type { Timer } from "../timer.ts";
import { phaseLine } from "./lines.ts";
import type { FollowView } from "./follow-view.ts";
import type { Scene } from "./scene.ts";

/** For files and pipes: a line for each phase, as it is entered. */
export class PlainView implements FollowView {
  readonly #screen: Screen;
  readonly #timer: Timer;
  readonly #beganMs: number;
  #told = 0;
  #inTrouble = false;

  constructor(screen: Screen, timer: Timer) {
    this.#screen = screen;
    this.#timer = timer;
    this.#beganMs = timer.nowMs();
  }

  show({ phases }: Scene): void {
    if (this.#inTrouble) this.#line("the hub answers again");
    this.#inTrouble = false;
    for (const one of phases.slice(this.#told)) this.#line(phaseLine(one));
    this.#told = phases.length;
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
