import { newestLogPage, type LogPage, type LogsRequest } from "../contract/logs.ts";

/** Some hours of a healthy agent, some minutes of a troubled one. */
const usualBytes = 256 * 1_024;

/**
 * The last lines of the log, in memory: they can be asked for on every board, whoever takes the log there, and no disk
 * wears for it.
 */
export class LogRingBuffer {
  readonly #mostBytes: number;
  readonly #lines: string[] = [];
  #bytes = 0;

  /** @param mostBytes characters, that is */
  constructor(mostBytes: number = usualBytes) {
    this.#mostBytes = mostBytes;
  }

  /** Keeps a line, and forgets the oldest ones for it. */
  append(line: string): void {
    this.#lines.push(line.trimEnd());
    this.#bytes += line.length;
    while (this.#bytes > this.#mostBytes && this.#lines.length > 0)
      this.#bytes -= (this.#lines.shift() ?? "").length + 1;
  }

  page(asked: LogsRequest): LogPage {
    return newestLogPage(this.#lines, asked);
  }
}
