import { paintFor, type Paint, type Screen } from "../cli/screen.ts";
import type { ExcerptRow } from "./twin-excerpt.ts";
import type { Program } from "../images/server-process.ts";
import type { Environment } from "../context.ts";
import { demoBoard } from "./set-up.ts";

/** Prints the demo: numbered headings, check marks, command lines, and tables of the twin. */
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

  /** One command line; every argument is a line of it. */
  commandLine(...lines: readonly string[]): void {
    const text = lines.map((line, index) => (index === 0 ? `  $ ${line}` : `      ${line}`)).join(" \\\n");
    this.line(this.#paint.cyan(text));
  }

  /** @param compared adds a column with the values before */
  twinTable(rows: readonly ExcerptRow[], compared: boolean): void {
    const widest = Math.max(...rows.map(({ path }) => path.length));
    const widestBefore = Math.max("before".length, ...rows.map(({ before }) => before.length));
    const heading = `  ${"".padEnd(widest)}  ${"before".padEnd(widestBefore)}  after`;
    if (compared) this.line(this.#paint.dim(heading));
    for (const { path, before, after, hasChanged } of rows) {
      const value = compared
        ? `${before.padEnd(widestBefore)}  ${hasChanged ? this.#paint.bold(after) : after}`
        : after;
      this.line(`  ${this.#paint.dim(path.padEnd(widest))}  ${value}`);
    }
  }
}

/** Commands to try with the hub and the board that `--stay` keeps running. */
export function stayInstructions(home: string, { executable, arguments: args }: Program, env: Environment): string {
  const alias = [executable, ...args].join(" ");
  const login = env["IOTHUB_CONNECTION_STRING"] ? ["  unset IOTHUB_CONNECTION_STRING   # it names another hub"] : [];
  return [
    "",
    "The hub and the board keep running. Try them in another terminal:",
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
    "Ctrl-C here stops them and removes everything.",
  ].join("\n");
}
