import { stopwatch } from "../cli/screen/measures.ts";
import { eraseLine, paintFor, type Paint, type Screen } from "../cli/screen/screen.ts";
import type { Timer } from "../cli/timer.ts";
import type { FollowView } from "./progress-view.ts";
import { phaseLine, progressBar } from "./lines.ts";
import type { Scene } from "./tracker.ts";

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const frameMs = 100;

/** For a terminal: a line for each phase that is over, and one that lives for the present phase. */
export class LiveView implements FollowView {
  readonly #screen: Screen;
  readonly #timer: Timer;
  readonly #paint: Paint;
  readonly #beganMs: number;
  readonly #ticking: { stop(): void };
  #scene: Scene | undefined;
  #trouble: string | undefined;
  /** When each phase was first seen. */
  readonly #enteredMs: number[] = [];
  #settled = 0;
  #frame = 0;

  constructor(screen: Screen, timer: Timer) {
    this.#screen = screen;
    this.#timer = timer;
    this.#paint = paintFor(screen);
    this.#beganMs = timer.nowMs();
    this.#ticking = timer.every(frameMs, () => this.#draw());
  }

  show(scene: Scene): void {
    this.#trouble = undefined;
    this.#scene = scene;
    const nowMs = this.#elapsedMs();
    while (this.#enteredMs.length < scene.phases.length) this.#enteredMs.push(nowMs);
    this.#settle(scene.phases.length - 1, this.#paint.green("✓"));
    this.#draw();
  }

  trouble(sentence: string): void {
    this.#trouble = sentence;
    this.#draw();
  }

  close(ending: "good" | "bad" | "open"): void {
    this.#ticking.stop();
    const sign = { good: this.#paint.green("✓"), bad: this.#paint.red("✗"), open: this.#paint.dim("…") }[ending];
    this.#screen.write(eraseLine);
    this.#settle(this.#enteredMs.length, sign);
  }

  /** Writes phases down for good, as far as the given number of them. */
  #settle(until: number, sign: string): void {
    for (; this.#settled < until; this.#settled += 1) {
      const at = stopwatch(this.#enteredMs[this.#settled] ?? 0);
      const phase = this.#scene?.phases[this.#settled];
      if (phase !== undefined)
        this.#screen.write(`${eraseLine}  ${sign} ${this.#paint.dim(at)}  ${phaseLine(phase)}\n`);
    }
  }

  #draw(): void {
    this.#frame += 1;
    const sign = this.#paint.cyan(frames[this.#frame % frames.length] ?? "");
    const at = stopwatch(this.#elapsedMs());
    // One column stays free: a full line would make some terminals go on to the next.
    const room = this.#screen.columns - "  s ".length - at.length - "  ".length - 1;
    this.#screen.write(`${eraseLine}  ${sign} ${this.#paint.dim(at)}  ${this.#present(room)}`);
  }

  /** What is happening now, in one line that fits: a line that wraps could not be drawn over. */
  #present(columns: number): string {
    if (this.#trouble !== undefined) return this.#paint.yellow(cut(`${this.#trouble} Trying again.`, columns));
    const last = this.#scene?.phases.at(-1);
    if (this.#scene === undefined || last === undefined) return cut(waitingFor(this.#scene), columns);
    const { progress, delay, online } = this.#scene;
    if (!online) return cut(phaseLine({ ...last, note: "the board is down, waiting for it to come back" }), columns);
    if (delay !== null) return cut(phaseLine({ ...last, note: delay }), columns);
    if (progress === null) return cut(phaseLine(last), columns);
    const name = `${last.phase.padEnd(12)} `;
    return cut(`${name}${progressBar(progress, columns - name.length)}`, columns);
  }

  #elapsedMs(): number {
    return this.#timer.nowMs() - this.#beganMs;
  }
}

/** Before the board has told of the operation. */
function waitingFor(scene: Scene | undefined): string {
  return scene?.online === false ? "the board is offline; it begins when it is back" : "waiting for the board to begin";
}

function cut(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 1))}…`;
}
