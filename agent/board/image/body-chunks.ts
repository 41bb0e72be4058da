import type { Readable } from "node:stream";
import { setImmediate as turnOver } from "node:timers/promises";
import { collectYoungGarbage } from "./young-gc.ts";

/**
 * What is digested and written in one go: hashed within a millisecond or two on a small board, and small enough to be in a
 * core's own cache while one thread digests it and another writes it (256 KiB took a third more processor time).
 */
const chunkBytes = 128 * 1_024;
/** Each byte of a body leaves one or two of garbage behind. Collected this often, they take a few MiB at most. */
const collectEveryBytes = 2 * 1_024 * 1_024;

/**
 * The body of a response in pieces as large as there is something to read, at most 128 KiB: Node hands it out in buffers of
 * 16 KiB or less, and to pass each through a promise, a hash and a write costs as much again as to receive it. A piece is
 * valid until the next is asked for. Rejects as the response does, after the bytes that came before.
 */
export async function* bodyChunks(response: Readable): AsyncGenerator<Uint8Array> {
  const intake = new ChunkBuffer(response);
  try {
    for (;;) {
      await intake.available();
      const piece = intake.take();
      if (piece.length > 0) yield piece;
      else return;
    }
  } finally {
    response.destroy();
  }
}

/** Two buffers: one is filled while the other is used. */
class ChunkBuffer {
  readonly #response: Readable;
  #filling = Buffer.allocUnsafeSlow(chunkBytes);
  #used = Buffer.allocUnsafeSlow(chunkBytes);
  #bytes = 0;
  /** What did not fit. The response is paused until it does. */
  #rest: Buffer | undefined;
  #uncollectedBytes = 0;
  #isOver = false;
  #failure: Error | undefined;
  #tell: () => void = () => undefined;

  constructor(response: Readable) {
    this.#response = response;
    response.on("data", (chunk: Buffer) => this.#fill(chunk));
    response.on("error", (failure) => this.#end(failure));
    response.on("end", () => this.#end());
    response.on("close", () => this.#end(new Error("aborted"))); // After its end this says nothing.
    // Lost or let go of before anybody listened: none of these will come any more.
    if (response.destroyed) this.#end(response.errored ?? new Error("aborted"));
  }

  /** Resolves when there is something to take, or will never be. */
  async available(): Promise<void> {
    if (this.#bytes === 0 && !this.#isOver) await new Promise<void>((resolve) => (this.#tell = resolve));
    // What else the kernel has for this turn of the event loop comes before its end.
    if (this.#bytes < chunkBytes && !this.#isOver) await turnOver();
  }

  /** What has come; empty at the end. */
  take(): Uint8Array {
    if (this.#bytes === 0 && this.#failure !== undefined) throw this.#failure;
    const piece = this.#filling.subarray(0, this.#bytes);
    [this.#filling, this.#used] = [this.#used, this.#filling];
    this.#bytes = 0;
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest !== undefined) {
      this.#response.resume(); // Takes effect when this turn is over.
      this.#fill(rest);
    }
    return piece;
  }

  #fill(chunk: Buffer): void {
    const copied = chunk.copy(this.#filling, this.#bytes);
    this.#bytes += copied;
    if (copied < chunk.length) {
      this.#rest = chunk.subarray(copied);
      this.#response.pause();
    }
    this.#uncollectedBytes += copied;
    if (this.#uncollectedBytes >= collectEveryBytes) {
      this.#uncollectedBytes = 0;
      collectYoungGarbage();
    }
    this.#tell();
  }

  #end(failure?: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#failure = failure;
    this.#tell();
  }
}
