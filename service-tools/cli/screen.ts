import { escapeForTerminal } from "../../agent/contract/safe-text.ts";

/** Standard output or standard error; a test has a fake. */
export interface Screen {
  write(text: string): void;
  /** True for a terminal, where lines can be redrawn. */
  readonly isTerminal: boolean;
  /** The width in characters. It changes with the window. */
  readonly columns: number;
  readonly hasColour: boolean;
}

interface TextStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/**
 * A screen that writes to a stream. Colour only on terminals, and not with NO_COLOR (https://no-color.org). Control characters
 * in what a board reports are escaped.
 */
export function screenFor(stream: TextStream, env: Readonly<Record<string, string | undefined>>): Screen {
  const isTerminal = stream.isTTY === true && env["TERM"] !== "dumb";
  return {
    write: (text) => void stream.write(isTerminal ? keepOwnSequences(text) : escapeForTerminal(text)),
    isTerminal,
    get columns() {
      return stream.columns ?? 80;
    },
    hasColour: isTerminal && !env["NO_COLOR"],
  };
}

/** Erases the line, at the beginning of a write: CR and EL of ECMA-48. */
export const eraseLine = "\r\u001b[2K";

/** Escapes every control character except `eraseLine` and the colours below. */
function keepOwnSequences(text: string): string {
  // oxlint-disable-next-line no-control-regex -- it must match control characters
  const parts = text.split(/(^\r\u001b\[2K|\u001b\[(?:1|2|22|31|32|33|36|39)m)/u);
  return parts.map((part, index) => (index % 2 === 1 ? part : escapeForTerminal(part))).join("");
}

export interface Paint {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly red: (text: string) => string;
  readonly cyan: (text: string) => string;
}

/** The few colours there are. SGR codes: ECMA-48, 8.3.117. */
export function paintFor({ hasColour }: Pick<Screen, "hasColour">): Paint {
  const sgr =
    (on: number, off: number) =>
    (text: string): string =>
      hasColour && text !== "" ? `\u001b[${on}m${text}\u001b[${off}m` : text;
  return {
    bold: sgr(1, 22),
    dim: sgr(2, 22),
    green: sgr(32, 39),
    yellow: sgr(33, 39),
    red: sgr(31, 39),
    cyan: sgr(36, 39),
  };
}
