import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { bodyChunks } from "../../../../../agent/board/image/body-chunks.ts";

const largestPiece = 128 * 1_024;

async function digestOf(pieces: AsyncIterable<Uint8Array>): Promise<{ sha256: string; lengths: number[] }> {
  const hash = createHash("sha256");
  const lengths: number[] = [];
  for await (const piece of pieces) {
    await new Promise((resolve) => setImmediate(resolve)); // More arrives while it is in use.
    hash.update(piece);
    lengths.push(piece.length);
  }
  return { sha256: hash.digest("hex"), lengths };
}

function chunksOf(content: Buffer, bytes: number): Buffer[] {
  const count = Math.ceil(content.length / bytes);
  return Array.from({ length: count }, (_, index) => content.subarray(index * bytes, (index + 1) * bytes));
}

test.each([1_000, 16_384, 65_536, 131_072, 300_000, 700_001])(
  "a body that comes in chunks of %i bytes is handed out in its order and whole, in larger pieces",
  async (bytes) => {
    const content = randomBytes(5_000_001);
    const { sha256, lengths } = await digestOf(bodyChunks(Readable.from(chunksOf(content, bytes))));
    expect(sha256).toBe(createHash("sha256").update(content).digest("hex"));
    expect(Math.max(...lengths)).toBeLessThanOrEqual(largestPiece);
  },
);

test("an empty body has no pieces", async () => {
  expect(await digestOf(bodyChunks(Readable.from([])))).toMatchObject({ lengths: [] });
});

test("what came before a connection was lost is returned before the error", async () => {
  const response = new Readable({ read: () => undefined });
  const pieces = bodyChunks(response);
  const first = pieces.next();
  response.push("some");
  await new Promise((resolve) => setImmediate(resolve));
  response.destroy(new Error("ECONNRESET"));
  expect(String((await first).value)).toBe("some");
  await expect(pieces.next()).rejects.toThrow("ECONNRESET");
});

test("a response that is closed before its end is lost", async () => {
  const response = new Readable({ read: () => undefined });
  const next = bodyChunks(response).next();
  response.destroy();
  await expect(next).rejects.toThrow("aborted");
});

test("a response that is not read to its end is closed", async () => {
  const response = Readable.from(chunksOf(randomBytes(1_000_000), 16_384));
  for await (const piece of bodyChunks(response)) {
    expect(piece.length).toBeGreaterThan(0);
    break;
  }
  expect(response.destroyed).toBe(true);
});

test("no more is taken from a response than there is room for", async () => {
  let given = 0;
  const chunk = randomBytes(16_384);
  const response = new Readable({
    highWaterMark: chunk.length,
    read() {
      given += chunk.length;
      this.push(given < 100 * largestPiece ? chunk : null); // A body that has an end also for who takes too much.
    },
  });
  const pieces = bodyChunks(response);
  await pieces.next();
  for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(given).toBeLessThanOrEqual(2 * largestPiece + 3 * chunk.length); // In use, filled, and on the way.
  await pieces.return(undefined);
});

test.each([undefined, new Error("ECONNRESET")])(
  "a response that was over before anybody read it is lost, not waited for (%s)",
  async (failure) => {
    const response = new Readable({ read: () => undefined });
    response.on("error", () => undefined);
    response.destroy(failure);
    await new Promise((resolve) => response.once("close", resolve));
    await expect(bodyChunks(response).next()).rejects.toThrow(failure?.message ?? "aborted");
  },
);
