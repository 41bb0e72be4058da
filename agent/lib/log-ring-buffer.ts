import { newestLogPage, type LogPage, type LogsRequest } from "../contract/logs.ts";

/** Some hours of a healthy agent, some minutes of one with errors. */
const defaultBytes = 256 * 1_024;

/**
 * The last lines of the log, in memory: so `getLogs` works on every board, wherever its log goes, and no disk wears for it.
 */
export class LogRingBuffer {
  readonly #maxBytes: number;
  readonly #lines: string[] = [];
  #bytes = 0;

  /** @param mostBytes counted in characters */
  constructor(mostBytes: number = defaultBytes) {
    this.#maxBytes = mostBytes;
  }

  /** Appends a line, and drops the oldest ones that no longer fit. */
  append(line: string): void {
    this.#lines.push(line.trimEnd());
    this.#bytes += line.length;
    while (this.#bytes > this.#maxBytes && this.#lines.length > 0)
      this.#bytes -= (this.#lines.shift() ?? "").length + 1;
  }

  page(request: LogsRequest): LogPage {
    return newestLogPage(this.#lines, request);
  }
}
