import type { OnReadOpts, Socket } from "node:net";

/** As large as the largest TLS record: each is read by itself. */
const bufferBytes = 16 * 1_024;

/**
 * Options for `http.request` that have its socket read into one buffer again and again. Otherwise Node allocates one for each TLS record.
 * The HTTP parser gets what was read as it always does, and copies what it passes on (the tests of this file see it).
 */
export function reusingReads(): { readonly onread: OnReadOpts } {
  return {
    onread: {
      buffer: Buffer.allocUnsafeSlow(bufferBytes),
      callback(this: Socket, bytes: number, buffer: Uint8Array): boolean {
        return this.emit("data", Buffer.from(buffer.buffer, buffer.byteOffset, bytes));
      },
    },
  };
}
