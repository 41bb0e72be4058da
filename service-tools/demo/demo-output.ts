import { paintFor, type Paint, type Screen } from "../cli/screen/screen.ts";
import type { ExcerptRow } from "./twin-excerpt.ts";

/** Tells the demo's story: headings, what is there, what is typed, what has changed. */
export class Narrator {
  readonly #screen: Screen;
  readonly #paint: Paint;
  #scenes = 0;

  constructor(screen: Screen) {
    this.#screen = screen;
    this.#paint = paintFor(screen);
  }

  say(text: string): void {
    this.#screen.write(`${text}\n`);
  }

  scene(heading: string): void {
    this.#scenes += 1;
    this.say(`\n${this.#paint.bold(`${this.#scenes}. ${heading}`)}`);
  }

  done(what: string, more: string): void {
    this.say(`  ${this.#paint.green("✓")} ${what.padEnd(12)} ${more}`);
  }

  /** A command line as it would be typed, continued where it would be too long. */
  typed(...lines: readonly string[]): void {
    const text = lines.map((line, index) => (index === 0 ? `  $ ${line}` : `      ${line}`)).join(" \\\n");
    this.say(this.#paint.cyan(text));
  }

  /** A part of the twin; a second column where there is something to compare with. */
  twin(rows: readonly ExcerptRow[], compared: boolean): void {
    const widest = Math.max(...rows.map(({ place }) => place.length));
    const widestBefore = Math.max("before".length, ...rows.map(({ before }) => before.length));
    const heading = `  ${"".padEnd(widest)}  ${"before".padEnd(widestBefore)}  after`;
    if (compared) this.say(this.#paint.dim(heading));
    for (const { place, before, after, hasChanged } of rows) {
      const value = compared
        ? `${before.padEnd(widestBefore)}  ${hasChanged ? this.#paint.bold(after) : after}`
        : after;
      this.say(`  ${this.#paint.dim(place.padEnd(widest))}  ${value}`);
    }
  }
}
