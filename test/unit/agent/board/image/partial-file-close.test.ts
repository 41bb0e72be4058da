import { createHash } from "node:crypto";
import { open, readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { nodeDisk } from "../../../../../agent/board/fs/disk.ts";
import { PartialFile } from "../../../../../agent/board/image/partial-file.ts";
import { noUsage } from "../../../../../agent/download/partial-metadata.ts";
import { FakeTime, settle } from "../../../../support/fake-time.ts";
import { Gate } from "../../../../support/gate.ts";
import { overriding } from "../../../../support/overriding.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

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
