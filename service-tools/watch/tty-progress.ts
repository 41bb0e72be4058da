import { eraseLine, paintFor, type Paint, type Screen } from "../cli/screen.ts";
import type { Timer } from "../cli/timer.ts";
import { formatElapsed } from "../cli/units.ts";
import { formatPhase, formatProgressBar, type ProgressView } from "./progress-view.ts";
import type { Progress } from "./tracker.ts";

const spinnerFrames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const frameMs = 100;

/** For a terminal: one line for each finished phase, and a last line that is redrawn while the present phase runs. */
export class TtyProgress implements ProgressView {
  readonly #screen: Screen;
  readonly #timer: Timer;
  readonly #paint: Paint;
  readonly #startedMs: number;
  readonly #redraw: { stop(): void };
  #progress: Progress | undefined;
  #hubMessage: string | undefined;
  /** When each phase was first seen, in milliseconds since the start. */
  readonly #enteredMs: number[] = [];
  #finishedPhases = 0;
  #frame = 0;

  constructor(screen: Screen, timer: Timer) {
    this.#screen = screen;
    this.#timer = timer;
    this.#paint = paintFor(screen);
    this.#startedMs = timer.nowMs();
    this.#redraw = timer.every(frameMs, () => this.#draw());
  }

  show(progress: Progress): void {
    this.#hubMessage = undefined;
    this.#progress = progress;
    const elapsedMs = this.#elapsedMs();
    while (this.#enteredMs.length < progress.phases.length) this.#enteredMs.push(elapsedMs);
    this.#finish(progress.phases.length - 1, this.#paint.green("✓"));
    this.#draw();
  }

  hubUnreachable(message: string): void {
    this.#hubMessage = message;
    this.#draw();
  }

  close(ending: "good" | "bad" | "open"): void {
    this.#redraw.stop();
    const sign = { good: this.#paint.green("✓"), bad: this.#paint.red("✗"), open: this.#paint.dim("…") }[ending];
    this.#screen.write(eraseLine);
    this.#finish(this.#enteredMs.length, sign);
  }

  /** Prints the permanent lines of the first `count` phases, as far as they are not printed yet. */
  #finish(count: number, sign: string): void {
    for (; this.#finishedPhases < count; this.#finishedPhases += 1) {
      const elapsed = formatElapsed(this.#enteredMs[this.#finishedPhases] ?? 0);
      const entry = this.#progress?.phases[this.#finishedPhases];
      if (entry !== undefined)
        this.#screen.write(`${eraseLine}  ${sign} ${this.#paint.dim(elapsed)}  ${formatPhase(entry)}\n`);
    }
  }

  #draw(): void {
    this.#frame += 1;
    const sign = this.#paint.cyan(spinnerFrames[this.#frame % spinnerFrames.length] ?? "");
    const elapsed = formatElapsed(this.#elapsedMs());
    // One column stays free: some terminals wrap when a line is full.
    const columns = this.#screen.columns - "  s ".length - elapsed.length - "  ".length - 1;
    this.#screen.write(`${eraseLine}  ${sign} ${this.#paint.dim(elapsed)}  ${this.#presentLine(columns)}`);
  }

  /** What happens now, cut to `columns`: a line that wraps could not be redrawn. */
  #presentLine(columns: number): string {
    if (this.#hubMessage !== undefined) return this.#paint.yellow(cut(`${this.#hubMessage} Trying again.`, columns));
    const last = this.#progress?.phases.at(-1);
    if (this.#progress === undefined || last === undefined) return cut(notStarted(this.#progress), columns);
    const { download, delay, online } = this.#progress;
    if (!online) return cut(formatPhase({ ...last, note: "the board is down, waiting for it to come back" }), columns);
    if (delay !== null) return cut(formatPhase({ ...last, note: delay }), columns);
    if (download === null) return cut(formatPhase(last), columns);
    const label = `${last.phase.padEnd(12)} `;
    return cut(`${label}${formatProgressBar(download, columns - label.length)}`, columns);
  }

  #elapsedMs(): number {
    return this.#timer.nowMs() - this.#startedMs;
  }
}

/** Shown until the board has reported the operation. */
function notStarted(progress: Progress | undefined): string {
  return progress?.online === false
    ? "the board is offline; it starts when it is back"
    : "waiting for the board to start";
}

function cut(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 1))}…`;
}
