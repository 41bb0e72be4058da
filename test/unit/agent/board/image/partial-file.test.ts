import { createHash } from "node:crypto";
import { open, readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { fakeRuntime } from "../../../../support/fake-runtime.ts";
import { nodeDisk } from "../../../../../agent/board/fs/disk.ts";
import { PartialFile } from "../../../../../agent/board/image/partial-file.ts";
import { FilePartialStore } from "../../../../../agent/board/image/partial-store.ts";
import { createLog } from "../../../../../agent/lib/log.ts";
import { noUsage } from "../../../../../agent/download/partial-metadata.ts";
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

/* An image whose disk becomes full while a sync runs that has begun before. */

/** All but the last byte of a piece for direct writes: that byte goes through the page cache, and what follows is held. */
const begun = Buffer.alloc(1_048_575, "x");

interface Filling {
  readonly folder: string;
  readonly partial: PartialFile;
  readonly sync: Gate;
  readonly fill: () => void;
}

/** An image with all that has begun to arrive, whose sync is held. */
async function filling(): Promise<Filling> {
  const folder = await temporaryFolder();
  const sync = new Gate();
  const create: typeof nodeDisk.create = async (path, mode) => {
    await sync.pass();
    return await nodeDisk.create(path, mode);
  };
  const handle = await open(join(folder, "x.part"), "wx+");
  let isFull = false;
  const write = handle.write.bind(handle);
  const file = Object.assign(handle, {
    write: async (bytes: Buffer, from: number, count: number, at: number) => {
      if (isFull) throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
      return await write(bytes, from, count, at);
    },
  });
  const time = new FakeTime();
  const record = { schema: 1, bootId: "boot-1", syncedBytes: 0, totalBytes: null, source: null } as const;
  const partial = new PartialFile(
    join(folder, "x.part"),
    time,
    { keepFreeBytes: 0, freeBytes: async () => 2 ** 40, disk: overriding(nodeDisk, { create }) },
    { file, hash: createHash("sha256"), bytes: 0 },
    { ...record, spent: noUsage("op-1") },
  );
  await time.advance(30_000); // A sync is due.
  await partial.append(begun);
  await sync.reached;
  return { folder, partial, sync, fill: () => (isFull = true) };
}

async function recordIn(folder: string): Promise<unknown> {
  return JSON.parse(await readFile(join(folder, "x.part.json"), "utf8"));
}

/** Whether the end of the image has come, and what it was: undefined, or an error. */
async function closeDuringSync({ partial, sync }: Filling): Promise<{ wasOverBefore: boolean; error: unknown }> {
  partial.setUsage({ ...partial.usage, fetchingMs: 4_321 });
  let isOver = false;
  const closed = partial.close().then(
    () => undefined,
    (cause: unknown) => cause,
  );
  const over = closed.then(() => (isOver = true));
  await settle();
  const wasOverBefore = isOver;
  sync.open();
  await over;
  return { wasOverBefore, error: await closed };
}

it("the end of an image waits for its sync and keeps what came and was spent, after a write that the append reported", async () => {
  const filled = await filling();
  filled.fill();
  await expect(filled.partial.append(Buffer.from("x"))).rejects.toMatchObject({ code: "no-space" });
  expect(await closeDuringSync(filled)).toStrictEqual({ wasOverBefore: false, error: undefined });
  expect(await recordIn(filled.folder)).toMatchObject({ syncedBytes: begun.length, spent: { fetchingMs: 4_321 } });
  expect(await readdir(filled.folder)).toStrictEqual(["x.part", "x.part.json"]);
});

it("the end of an image waits for its sync, and reports a write that failed when nobody else has", async () => {
  const filled = await filling();
  await filled.partial.append(Buffer.from("x"));
  filled.fill();
  await filled.partial.append(Buffer.from("held"));
  const { wasOverBefore, error } = await closeDuringSync(filled);
  expect([wasOverBefore, error]).toMatchObject([false, { code: "no-space" }]);
  expect(await recordIn(filled.folder)).toMatchObject({ syncedBytes: begun.length + 1, spent: { fetchingMs: 4_321 } });
});
