import { paintFor, type Paint, type Screen } from "../cli/screen.ts";
import type { ExcerptRow } from "./twin-excerpt.ts";
import type { Program } from "../images/server-process.ts";
import type { Environment } from "../context.ts";
import { demoBoard } from "./set-up.ts";

/** Tells the demo's story: headings, what is there, what is typed, what has changed. */
export class DemoOutput {
  readonly #screen: Screen;
  readonly #paint: Paint;
  #headings = 0;

  constructor(screen: Screen) {
    this.#screen = screen;
    this.#paint = paintFor(screen);
  }

  line(text: string): void {
    this.#screen.write(`${text}\n`);
  }

  heading(heading: string): void {
    this.#headings += 1;
    this.line(`\n${this.#paint.bold(`${this.#headings}. ${heading}`)}`);
  }

  checkMark(what: string, more: string): void {
    this.line(`  ${this.#paint.green("✓")} ${what.padEnd(12)} ${more}`);
  }

  /** A command line as it would be typed, continued where it would be too long. */
  commandLine(...lines: readonly string[]): void {
    const text = lines.map((line, index) => (index === 0 ? `  $ ${line}` : `      ${line}`)).join(" \\\n");
    this.line(this.#paint.cyan(text));
  }

  /** A part of the twin; a second column where there is something to compare with. */
  twinTable(rows: readonly ExcerptRow[], compared: boolean): void {
    const widest = Math.max(...rows.map(({ path: place }) => place.length));
    const widestBefore = Math.max("before".length, ...rows.map(({ before }) => before.length));
    const heading = `  ${"".padEnd(widest)}  ${"before".padEnd(widestBefore)}  after`;
    if (compared) this.line(this.#paint.dim(heading));
    for (const { path: place, before, after, hasChanged } of rows) {
      const value = compared
        ? `${before.padEnd(widestBefore)}  ${hasChanged ? this.#paint.bold(after) : after}`
        : after;
      this.line(`  ${this.#paint.dim(place.padEnd(widest))}  ${value}`);
    }
  }
}

/** What to type to play with what the demo has left up. */
export function stayInstructions(home: string, { executable, arguments: given }: Program, env: Environment): string {
  const alias = [executable, ...given].join(" ");
  const login = env["IOTHUB_CONNECTION_STRING"] ? ["  unset IOTHUB_CONNECTION_STRING   # it names another hub"] : [];
  return [
    "",
    "All of it stays up. To play, type in another terminal:",
    "",
    `  export BOARDKEEPER_HOME=${home}`,
    `  alias boardkeeper='${alias}'`,
    ...login,
    "",
    `  boardkeeper status -d ${demoBoard}`,
    `  boardkeeper watch -d ${demoBoard}`,
    `  boardkeeper reboot -d ${demoBoard} --in 10s --wait`,
    `  boardkeeper update -d ${demoBoard} --rehearse --wait`,
    `  boardkeeper twin -d ${demoBoard}`,
    "  boardkeeper hub status",
    "",
    "Ctrl-C here ends it and removes everything.",
  ].join("\n");
}
