import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { fakeRuntime } from "../../../../support/fake-runtime.ts";
import { nodeDisk } from "../../../../../agent/board/fs/disk.ts";
import { FilePartialStore } from "../../../../../agent/board/image/partial-store.ts";
import { createLog } from "../../../../../agent/lib/log.ts";
import { Downloader } from "../../../../../agent/download/download.ts";
import type { Image } from "../../../../../agent/update/job.ts";
import { FakeTime, settle } from "../../../../support/fake-time.ts";
import { Gate } from "../../../../support/gate.ts";
import { overriding } from "../../../../support/overriding.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

/* Bytes arrive beside the syncs of those before them. A sync ends with its record: that is where these tests take hold of it. */

/** As many as are synced in one go. */
const piece = Buffer.alloc(8 * 1_048_576, "x");

/** A board of its own, and what comes of its second record: the first is written when a server answers, the next by a sync. */
class Board {
  readonly time = new FakeTime();
  /** Where the sync is held, or comes to grief. */
  readonly sync = new Gate();
  readonly files: FilePartialStore;
  readonly path: string;
  asked = 0;
  mostWriters = 0;
  #writers = 0;
  #records = 0;

  constructor(folder: string, second: () => Promise<void>) {
    this.path = join(folder, "x.part");
    const create: typeof nodeDisk.create = async (path, mode) => {
      this.#writers += 1;
      this.mostWriters = Math.max(this.mostWriters, this.#writers);
      this.#records += 1;
      try {
        if (this.#records === 2) await second();
        return await nodeDisk.create(path, mode);
      } finally {
        this.#writers -= 1;
      }
    };
    this.files = new FilePartialStore("boot-1", this.time, { disk: overriding(nodeDisk, { create }) });
  }

  /** Downloads an image of so many pieces. */
  fetch(pieces: number, body: () => AsyncGenerator<Uint8Array>, signal: AbortSignal): Promise<Image> {
    const sha256 = createHash("sha256");
    for (let count = 0; count < pieces; count += 1) sha256.update(piece);
    const headers = { etag: null, lastModified: null, date: null, contentRange: null, retryAfter: null };
    const contentLength = String(pieces * piece.length);
    const source = {
      get: async () => {
        this.asked += 1;
        const status = 200;
        const close = (): void => undefined;
        const answered = { ...headers, contentLength };
        return {
          address: "https://images.example/x",
          status,
          headers: answered,
          isLengthKnown: true,
          body: body(),
          close,
        };
      },
    };
    const { time, files, path } = this;
    const log = createLog("error", { write: () => undefined });
    const ports = { ...fakeRuntime({ timer: time, bootClock: time, log }), source, partialStore: files };
    const terms = { deadlineMs: 86_400_000, silenceMs: 45_000, minBytes: 1_024, bytesPerSecond: 0 };
    const room = { maxBytes: 2 ** 40, availableBytes: 2 ** 40, sizeBytes: null, isFirst: true };
    const uris = ["https://images.example/x"] as const;
    const order = { operationId: "op-1", uris: [...uris], sha256: sha256.digest("hex"), path, ...room };
    return new Downloader(ports, terms).download(order, () => undefined, signal);
  }

  async record(): Promise<unknown> {
    return JSON.parse(await readFile(`${this.path}.json`, "utf8"));
  }
}

async function refusing(): Promise<Board> {
  const board: Board = new Board(await temporaryFolder(), async () => {
    board.sync.open();
    throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
  });
  return board;
}

async function holding(): Promise<Board> {
  const board: Board = new Board(await temporaryFolder(), () => board.sync.pass());
  return board;
}

it.each([1, 3])(
  "a sync that fails while nobody waits for it ends the download of %i pieces with what the disk said",
  async (pieces) => {
    const board = await refusing();
    let given = 0;
    async function* body(): AsyncGenerator<Uint8Array> {
      for (; given < pieces; given += 1) {
        await board.time.advance(10_000); // Another record may be written.
        yield piece;
        await board.sync.pass(); // It has failed by now.
        await settle();
      }
    }
    await expect(board.fetch(pieces, body, new AbortController().signal)).rejects.toMatchObject({
      code: "disk-error",
      message: expect.stringContaining("EIO"),
    });
    expect(given).toBeLessThanOrEqual(1); // It is reported with the next bytes, or at their end.
    expect(board.asked).toBe(1); // No server can help.
  },
);

it("an image that starts over during a sync waits for it, and its record vouches for nothing then", async () => {
  const board = await holding();
  const partial = await board.files.open(board.path, "op-1", new AbortController().signal);
  await partial.setSource(null, { address: "https://images.example/x", validator: null });
  await board.time.advance(10_000);
  await partial.append(piece);
  await board.sync.reached;
  const startedOver = partial.startOver(partial.usage);
  await settle();
  expect((await stat(board.path)).size).toBe(piece.length);
  board.sync.open();
  await startedOver;
  expect(await board.record()).toMatchObject({ syncedBytes: 0, source: null });
  await partial.append(Buffer.from("new"));
  await partial.close();
  expect(await readFile(board.path, "utf8")).toBe("new");
  expect(await board.record()).toMatchObject({ syncedBytes: 3 });
  expect(board.mostWriters).toBe(1);
});

it("a download that is cancelled during a sync ends when that is over, with all that has come on disk", async () => {
  const board = await holding();
  const cancelled = new AbortController();
  const reason = new Error("cancelled");
  async function* body(): AsyncGenerator<Uint8Array> {
    await board.time.advance(10_000);
    yield piece;
    await board.sync.reached;
    cancelled.abort(reason);
    yield piece;
  }
  let isOver = false;
  const fetched = board.fetch(2, body, cancelled.signal).finally(() => (isOver = true));
  fetched.catch(() => undefined); // Asked below.
  await board.sync.reached;
  await settle();
  expect(isOver).toBe(false);
  board.sync.open();
  await expect(fetched).rejects.toBe(reason);
  expect(await board.record()).toMatchObject({ syncedBytes: piece.length, totalBytes: 2 * piece.length });
  expect((await stat(board.path)).size).toBe(piece.length);
  expect(board.mostWriters).toBe(1);
});
