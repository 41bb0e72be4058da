import type { Duplex } from "node:stream";
import { delayOrAbort } from "../lib/abort.ts";
import type { Timer } from "../lib/clock.ts";
import { maxLineBytes } from "./protocol.ts";

/** More than that is not kept unread: the other side waits, or, while it has nothing to say, is cut off. */
const maxUnreadBytes = 4 * maxLineBytes;

/** The other side has disconnected, or was cut off. */
export class ConnectionClosed extends Error {
  constructor(why = "the connection was closed") {
    super(why);
    this.name = "ConnectionClosed";
  }
}

/** A line was longer than lines may be. */
export class LineTooLong extends Error {
  constructor() {
    super(`a line has more than ${maxLineBytes} bytes`);
    this.name = "LineTooLong";
  }
}

/**
 * A connection of which one reader reads lines and raw bytes, in turns. What it keeps unread is bounded. Both sides of root's
 * install helper use it.
 */
export class Connection {
  readonly #socket: Duplex;
  readonly #gone = new AbortController();
  #unread: Buffer = Buffer.alloc(0);
  #hasEnded = false;
  /** Nobody reads any more. */
  #isOver = false;
  #isListening = false;
  #wake: () => void = () => undefined;

  constructor(socket: Duplex) {
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => this.#receive(bytes));
    socket.on("error", () => this.#end()); // What was received before the end counts; the error adds nothing.
    socket.on("end", () => this.#end());
    socket.on("close", () => this.#end());
  }

  /** Aborts when the other side has disconnected, at the latest when all that it has sent was read. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Whether something has arrived that was not read yet. */
  get hasUnread(): boolean {
    return this.#unread.length > 0;
  }

  /**
   * The next line, without its end.
   * @throws ConnectionClosed, LineTooLong
   */
  async readLine(): Promise<string> {
    for (;;) {
      const length = this.#unread.indexOf("\n");
      if (length > maxLineBytes || (length < 0 && this.#unread.length > maxLineBytes)) throw new LineTooLong();
      if (length >= 0) {
        const line = this.#unread.toString("utf8", 0, length);
        this.#take(length + 1);
        return line;
      }
      await this.#more();
    }
  }

  /**
   * The next bytes: at least one, at most so many. They stay as they are only until the next call.
   * @throws ConnectionClosed
   */
  async readSome(mostBytes: number): Promise<Uint8Array> {
    while (this.#unread.length === 0) await this.#more();
    const bytes = this.#unread.subarray(0, mostBytes);
    this.#take(bytes.length);
    return bytes;
  }

  /** So many bytes. @throws ConnectionClosed */
  async readExactly(bytes: number): Promise<Uint8Array> {
    const whole = Buffer.alloc(bytes);
    for (let at = 0; at < bytes;) {
      const some = await this.readSome(bytes - at);
      whole.set(some, at);
      at += some.length;
    }
    return whole;
  }

  /**
   * Does something while the other side has nothing to say but to disconnect, which is noticed at once. Whoever goes on sending is
   * cut off.
   */
  async whileListening<T>(work: () => Promise<T>): Promise<T> {
    this.#isListening = true;
    this.#limitUnread();
    this.#socket.resume();
    try {
      return await work();
    } finally {
      this.#isListening = false;
    }
  }

  /** Sends a text. That the other side has gone is noticed by the next read. */
  write(text: string): void {
    if (this.#socket.writable) this.#socket.write(text);
  }

  /** Sends bytes; resolves when they may change, or when the other side has something to say or has gone. */
  async writeBytes(bytes: Uint8Array): Promise<void> {
    if (this.#hasEnded || this.hasUnread || !this.#socket.writable) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#socket.write(bytes, () => resolve());
    });
  }

  /**
   * Ends the connection, with what was written. What the other side still sends is discarded until it ends too.
   * @param withinMs after which it is cut off
   */
  async end(timer: Timer, withinMs: number): Promise<void> {
    const closed = new AbortController();
    this.#isOver = true;
    this.#unread = Buffer.alloc(0);
    if (!this.#socket.destroyed) {
      this.#socket.once("close", () => closed.abort());
      this.#socket.resume();
      this.#socket.end();
      await delayOrAbort(timer, withinMs, closed.signal);
    }
    this.#socket.destroy();
  }

  /** Ends the connection at once. */
  destroy(): void {
    this.#socket.destroy();
  }

  #receive(bytes: Buffer): void {
    if (this.#hasEnded || this.#isOver) return;
    this.#unread = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes]);
    this.#limitUnread();
    this.#wake();
  }

  #limitUnread(): void {
    if (this.#unread.length <= maxUnreadBytes) return;
    if (!this.#isListening) this.#socket.pause();
    else {
      this.#end("the other side sent more than was asked for");
      this.#socket.destroy();
    }
  }

  #end(why?: string): void {
    this.#hasEnded = true;
    this.#gone.abort(new ConnectionClosed(why));
    this.#wake();
  }

  #take(bytes: number): void {
    this.#unread = this.#unread.subarray(bytes);
    if (this.#unread.length <= maxUnreadBytes && this.#socket.isPaused()) this.#socket.resume();
  }

  async #more(): Promise<void> {
    if (this.#hasEnded) throw this.#gone.signal.reason;
    await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}
