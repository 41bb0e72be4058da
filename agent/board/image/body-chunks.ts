import type { Readable } from "node:stream";
import { setImmediate as turnOver } from "node:timers/promises";
import { collectYoungGarbage } from "../../lib/garbage-collection.ts";

/**
 * Hashed and written in one step: within a millisecond or two on a small board, and small enough for a core's cache while one
 * thread hashes it and another writes it (256 KiB took a third more CPU time).
 */
const chunkBytes = 128 * 1_024;
/** Each byte of a body leaves one or two bytes of garbage. Collected this often, they take a few MiB at most. */
const collectEveryBytes = 1_024 * 1_024;

/**
 * The body of a response in chunks of up to 128 KiB, as much as has arrived. Node delivers buffers of 16 KiB or less, and
 * passing each of them through a promise, a hash and a write costs as much CPU as receiving it. A chunk is valid until the
 * next one is requested. Rejects as the response does, after the bytes that arrived before.
 */
export async function* bodyChunks(response: Readable): AsyncGenerator<Uint8Array> {
  const buffer = new ChunkBuffer(response);
  try {
    for (;;) {
      await buffer.available();
      const chunk = buffer.take();
      if (chunk.length > 0) yield chunk;
      else return;
    }
  } finally {
    response.destroy();
  }
}

/** Double buffering: one buffer is filled while the other is used. */
class ChunkBuffer {
  readonly #response: Readable;
  #filling = Buffer.allocUnsafeSlow(chunkBytes);
  #inUse = Buffer.allocUnsafeSlow(chunkBytes);
  #bytes = 0;
  /** What did not fit. The response is paused until it does. */
  #overflow: Buffer | undefined;
  #uncollectedBytes = 0;
  #isOver = false;
  #failure: Error | undefined;
  #notify: () => void = () => undefined;

  constructor(response: Readable) {
    this.#response = response;
    response.on("data", (chunk: Buffer) => this.#fill(chunk));
    response.on("error", (failure) => this.#end(failure));
    response.on("end", () => this.#end());
    response.on("close", () => this.#end(new Error("aborted"))); // After the end of the body this is no error.
    // Closed before these listeners were added: none of the events will come.
    if (response.destroyed) this.#end(response.errored ?? new Error("aborted"));
  }

  /** Resolves when there are bytes to take, or the body has ended. */
  async available(): Promise<void> {
    if (this.#bytes === 0 && !this.#isOver) await new Promise<void>((resolve) => (this.#notify = resolve));
    // Whatever else the kernel has is delivered before this turn of the event loop ends.
    if (this.#bytes < chunkBytes && !this.#isOver) await turnOver();
  }

  /** The bytes that have arrived; empty at the end. */
  take(): Uint8Array {
    if (this.#bytes === 0 && this.#failure !== undefined) throw this.#failure;
    const chunk = this.#filling.subarray(0, this.#bytes);
    [this.#filling, this.#inUse] = [this.#inUse, this.#filling];
    this.#bytes = 0;
    const overflow = this.#overflow;
    this.#overflow = undefined;
    if (overflow !== undefined) {
      this.#response.resume(); // Takes effect in a later turn.
      this.#fill(overflow);
    }
    return chunk;
  }

  #fill(chunk: Buffer): void {
    const copied = chunk.copy(this.#filling, this.#bytes);
    this.#bytes += copied;
    if (copied < chunk.length) {
      this.#overflow = chunk.subarray(copied);
      this.#response.pause();
    }
    this.#uncollectedBytes += copied;
    if (this.#uncollectedBytes >= collectEveryBytes) {
      this.#uncollectedBytes = 0;
      collectYoungGarbage();
    }
    this.#notify();
  }

  #end(failure?: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#failure = failure;
    this.#notify();
  }
}
