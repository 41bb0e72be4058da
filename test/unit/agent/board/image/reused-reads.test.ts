import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import { setImmediate as turnOver } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { reusingReads } from "../../../../../agent/board/image/reused-reads.ts";
import { imageServer } from "../../../../support/image-server.ts";

const content = randomBytes(3_000_001);
const digest = createHash("sha256").update(content).digest("hex");

/** How often a socket has read into the memory that is used again. */
let reads = 0;

/** A response of which every part was read from the socket into the same memory. */
async function getReused(tls: boolean, headers: Record<string, string>): Promise<IncomingMessage> {
  const server = await imageServer((_request, response) => void response.writeHead(200, headers).end(content), { tls });
  const { onread } = reusingReads();
  reads = 0;
  const callback: typeof onread.callback = function (this: Socket, bytes, buffer) {
    reads += 1;
    return onread.callback.call(this, bytes, buffer);
  };
  const options = { agent: false, onread: { ...onread, callback } };
  const asked = tls ? httpsRequest(server.origin, { ...options, ca: server.ca }) : httpRequest(server.origin, options);
  const [response] = (await once(asked.end(), "response")) as [IncomingMessage];
  return response;
}

async function digestOf(response: IncomingMessage, afterPart = (): void => undefined): Promise<string> {
  const hash = createHash("sha256");
  response.on("data", (part: Buffer) => {
    hash.update(part);
    afterPart();
  });
  await once(response, "end");
  return hash.digest("hex");
}

const lengths: [string, Record<string, string>][] = [
  ["of a known length", { "content-length": String(content.length) }],
  ["in parts", { "transfer-encoding": "chunked" }],
  ["that ends with its connection", { connection: "close" }],
];

describe.each([
  ["http", false],
  ["https", true],
])("over %s", (_scheme, tls) => {
  it.each(lengths)("a body %s comes whole, by way of one buffer", async (_what, headers) => {
    const response = await getReused(tls, headers);
    const parts: Buffer[] = [];
    response.on("data", (part: Buffer) => void parts.push(part)); // Looked at when the last one has been read.
    await once(response, "end");
    expect(Buffer.concat(parts).equals(content)).toBe(true);
    expect(reads).toBeGreaterThan(content.length / 16_384);
  });

  it.each(lengths)("a body %s that nobody reads for a while is not overwritten", async (_what, headers) => {
    const response = await getReused(tls, headers);
    while (response.readableLength === 0) await turnOver();
    for (let turn = 0; turn < 200; turn += 1) await turnOver(); // As much is read as Node reads ahead.
    expect(await digestOf(response)).toBe(digest);
  });

  it.each(lengths)("a body %s whose reader pauses is not overwritten", async (_what, headers) => {
    const response = await getReused(tls, headers);
    let parts = 0;
    const read = digestOf(response, () => {
      parts += 1;
      if (parts % 5 !== 0) return;
      response.pause();
      setImmediate(() => setImmediate(() => response.resume()));
    });
    expect(await read).toBe(digest);
  });
});
