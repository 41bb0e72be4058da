import { CommandFailed } from "./command-context.ts";

/** Far more than a connection string has, and as much as a trust root may have. */
const maxBytes = 64 * 1_024;

/** The text that is piped into a command. A source that never ends, such as /dev/zero, is refused as soon as it is too long. */
export async function readPiped(stream: AsyncIterable<Uint8Array | string>): Promise<string> {
  const pieces: Uint8Array[] = [];
  let total = 0;
  for await (const piece of stream) {
    const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
    total += bytes.length;
    if (total > maxBytes)
      throw new CommandFailed(
        `Nothing was changed. What is piped in has more than ${maxBytes} bytes: it is not what this command reads.`,
      );
    pieces.push(bytes);
  }
  return Buffer.concat(pieces).toString("utf8");
}
