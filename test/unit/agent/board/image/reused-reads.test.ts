import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, request, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate as turnOver } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { reusingReads } from "../../../../../agent/board/image/reused-reads.ts";

const content = randomBytes(3_000_001);
const digest = createHash("sha256").update(content).digest("hex");

/** A response of which every part was read from the socket into the same memory. */
async function getReused(headers: Record<string, string>): Promise<IncomingMessage> {
  const server = createServer((_request, response) => void response.writeHead(200, headers).end(content));
  onTestFinished(() => void server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const asked = request({ port, host: "127.0.0.1", agent: false, ...reusingReads() });
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

it.each(lengths)("a body %s comes whole, by way of one buffer", async (_what, headers) => {
  const response = await getReused(headers);
  const parts: Buffer[] = [];
  response.on("data", (part: Buffer) => void parts.push(part)); // Looked at when the last one has been read.
  await once(response, "end");
  expect(Buffer.concat(parts).equals(content)).toBe(true);
});

it.each(lengths)("a body %s that nobody reads for a while is not overwritten", async (_what, headers) => {
  const response = await getReused(headers);
  for (let turn = 0; turn < 200; turn += 1) await turnOver();
  expect(response.readableLength).toBeGreaterThan(0);
  expect(await digestOf(response)).toBe(digest);
});

it.each(lengths)("a body %s whose reader pauses is not overwritten", async (_what, headers) => {
  const response = await getReused(headers);
  let parts = 0;
  const read = digestOf(response, () => {
    parts += 1;
    if (parts % 5 !== 0) return;
    response.pause();
    setImmediate(() => setImmediate(() => response.resume()));
  });
  expect(await read).toBe(digest);
});
