import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdtemp, open, readFile, rm, writeFile, type FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turnOver } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { DirectWriter, openAgain, type WriterFile } from "../../../../../agent/board/image/direct-writer.ts";
import { Gate } from "../../../../support/gate.ts";
import { randomFrom } from "../../../../support/random.ts";

const pieceBytes = 1_048_576;
const random = randomBytes(4 * pieceBytes);

type Opener = NonNullable<ConstructorParameters<typeof DirectWriter>[2]>;
type Write = (at: number, bytes: number) => Promise<number>;

function refusal(code: string): Error {
  return Object.assign(new Error(`${code}: refused`), { code });
}

async function fileIn(parent: string, content = Buffer.alloc(0)): Promise<{ path: string; file: FileHandle }> {
  const folder = await mkdtemp(join(parent, "boardkeeper-"));
  const path = join(folder, "x");
  await writeFile(path, content);
  const file = await open(path, "r+");
  onTestFinished(async () => {
    await file.close();
    await rm(folder, { recursive: true, force: true });
  });
  return { path, file };
}

/** Takes direct writes, through the page cache; `before` may refuse one, delay it, or cut it to so many bytes. */
function takingDirect(before: Write = async (_at, bytes) => bytes): { open: Opener; writes: number[] } {
  const writes: number[] = [];
  const opener: Opener = async (fd) => {
    const file = await open(`/proc/self/fd/${fd}`, "r+");
    const write: WriterFile["write"] = async (memory, from, bytes, at) => {
      writes.push(at);
      return await file.write(memory, from, await before(at, bytes), at);
    };
    return { fd: file.fd, write, close: () => file.close() };
  };
  return { open: opener, writes };
}

/** So late that part of the next piece has come. */
async function refuseLate(): Promise<never> {
  for (let turn = 0; turn < 3; turn += 1) await turnOver();
  throw refusal("EINVAL");
}

/** As many bytes at a time as a seeded draw says: small ones, and as they come from a fast source. */
async function appendAll(writer: DirectWriter, content: Buffer, seed: number): Promise<void> {
  const drawn = randomFrom(seed);
  for (let done = 0; done < content.length;) {
    const chunk = Buffer.from(content.subarray(done, done + 1 + Math.floor(drawn() * 400_000)));
    await writer.append(chunk);
    chunk.fill("-"); // It is the caller's again.
    done += chunk.length;
    if (drawn() < 0.1) await writer.flush();
  }
}

describe.each<[string, string, () => Opener]>([
  ["on the disk of temporary files", tmpdir(), () => openAgain],
  ["on a file system in memory", "/dev/shm", () => openAgain],
  ["where direct writes are taken", tmpdir(), () => takingDirect().open],
  ["where opening for direct writes is refused", tmpdir(), () => () => Promise.reject(refusal("EINVAL"))],
  ["where a direct write is refused", tmpdir(), () => takingDirect(() => Promise.reject(refusal("EINVAL"))).open],
  ["where opening for direct writes is refused late", tmpdir(), () => refuseLate],
  ["where the first direct write is refused late", tmpdir(), () => takingDirect(refuseLate).open],
  [
    "where the second direct write is refused late",
    tmpdir(),
    () => takingDirect(async (at, bytes) => (at < pieceBytes ? bytes : await refuseLate())).open,
  ],
  ["where direct writes are cut short", tmpdir(), () => takingDirect(async (_at, bytes) => bytes / 2 - 1).open],
  [
    "where direct writes are cut short and then refused",
    tmpdir(),
    () => takingDirect(async (at, bytes) => (at < pieceBytes ? bytes / 2 - 1 : await refuseLate())).open,
  ],
])("a file that is written %s", (_where, parent, opener) => {
  it.each([0, pieceBytes - 1, pieceBytes + 4_096])(
    "has every byte in its place, from byte %i on",
    async (fromBytes) => {
      const before = random.subarray(-fromBytes - 1, -1);
      const { path, file } = await fileIn(parent, before);
      const writer = new DirectWriter(file, fromBytes, opener());
      const content = random.subarray(0, 3 * pieceBytes + 12_345);
      await appendAll(writer, content, fromBytes);
      await writer.flush();
      expect([writer.takenBytes, writer.writtenBytes]).toStrictEqual(Array(2).fill(fromBytes + content.length));
      expect((await readFile(path)).equals(Buffer.concat([before, content]))).toBe(true);
      await writer.close();
    },
  );

  it("is there as far as the writer says, at any moment, whatever happens between two chunks", async () => {
    const { path, file } = await fileIn(parent);
    const writer = new DirectWriter(file, 0, opener());
    const written = (): Buffer => random.subarray(0, writer.writtenBytes);
    for (let done = 0; done < random.length; done += 131_072) {
      await writer.append(random.subarray(done, done + 131_072));
      await turnOver();
      expect(readFileSync(path).subarray(0, writer.writtenBytes).equals(written())).toBe(true);
    }
    await writer.flush();
    expect(written().length).toBe(random.length);
    expect((await readFile(path)).equals(random)).toBe(true);
    await writer.close();
  });

  it("is read as it is now by whoever has read it before", async () => {
    const { path, file } = await fileIn(parent, random);
    await readFile(path); // The page cache holds all of it.
    const writer = new DirectWriter(file, 0, opener());
    const content = random.subarray(1, 2 * pieceBytes + 77);
    for (let done = 0; done < content.length; done += 131_072)
      await writer.append(content.subarray(done, done + 131_072));
    await writer.flush();
    expect((await readFile(path)).subarray(0, content.length).equals(content)).toBe(true);
    await writer.close();
  });
});

describe("a direct writer", () => {
  it("writes whole pieces directly, and through the page cache what comes before, between and after", async () => {
    const { path, file } = await fileIn(tmpdir(), Buffer.alloc(10));
    const { open: opener, writes } = takingDirect();
    const writer = new DirectWriter(file, 10, opener);
    const content = Buffer.concat([random, random]);
    await writer.append(content.subarray(0, 3 * pieceBytes)); // To piece 3, and 10 bytes of it.
    await writer.flush();
    await writer.append(content.subarray(3 * pieceBytes));
    await writer.flush();
    expect(writes).toStrictEqual([1, 2, 4, 5, 6, 7].map((piece) => piece * pieceBytes));
    expect((await readFile(path)).subarray(10).equals(content)).toBe(true);
    await writer.close();
  });

  it("asks once only where direct writes are refused", async () => {
    const { file } = await fileIn(tmpdir());
    let asked = 0;
    const writer = new DirectWriter(file, 0, () => {
      asked += 1;
      return Promise.reject(refusal("EINVAL"));
    });
    await writer.append(Buffer.alloc(4 * pieceBytes));
    await writer.flush();
    expect(asked).toBe(1);
    await writer.close();
  });

  it("writes what a source that pauses has sent, although nobody flushes", async () => {
    const { path, file } = await fileIn(tmpdir());
    const writer = new DirectWriter(file, 0, takingDirect().open);
    await writer.append(Buffer.from("some"));
    expect(writer.writtenBytes).toBe(0);
    writer.flushWhenIdle();
    while (writer.writtenBytes === 0) await turnOver();
    expect(await readFile(path, "utf8")).toBe("some");
    await writer.append(Buffer.from(" more")); // This piece can no longer be written at once.
    expect(writer.writtenBytes).toBe(9);
    await writer.close();
  });

  it("holds what comes without a pause until it is a piece", async () => {
    const { file } = await fileIn(tmpdir());
    const { open: opener, writes } = takingDirect();
    const writer = new DirectWriter(file, 0, opener);
    for (let chunk = 0; chunk < 32; chunk += 1) {
      await writer.append(Buffer.alloc(pieceBytes / 16));
      writer.flushWhenIdle();
      await turnOver();
    }
    await writer.flush();
    expect(writes).toStrictEqual([0, pieceBytes]);
    await writer.close();
  });

  it("takes one piece while another is written, and no more", async () => {
    const { path, file } = await fileIn(tmpdir());
    const slow = new Gate();
    const { open: opener, writes } = takingDirect(async (_at, bytes) => {
      await slow.pass();
      return bytes;
    });
    const writer = new DirectWriter(file, 0, opener);
    const content = random.subarray(0, 3 * pieceBytes);
    await writer.append(content.subarray(0, pieceBytes));
    await slow.reached;
    let isTaken = false;
    const appending = writer.append(content.subarray(pieceBytes)).then(() => (isTaken = true));
    await turnOver();
    expect([isTaken, writer.takenBytes, writer.writtenBytes]).toStrictEqual([false, 2 * pieceBytes, 0]);
    slow.open();
    await appending;
    await writer.flush();
    expect(writes).toStrictEqual([0, pieceBytes, 2 * pieceBytes]);
    expect((await readFile(path)).equals(content)).toBe(true);
    await writer.close();
  });

  it.each(["ENOSPC", "EIO"])(
    "tells with the next call that a piece was refused (%s), and writes no more",
    async (code) => {
      const { path, file } = await fileIn(tmpdir());
      const { open: opener } = takingDirect(async (at, bytes) => {
        if (at === pieceBytes) throw refusal(code);
        return bytes;
      });
      const writer = new DirectWriter(file, 0, opener);
      await writer.append(Buffer.alloc(2 * pieceBytes, "x"));
      await expect(writer.append(Buffer.alloc(pieceBytes))).rejects.toMatchObject({ code });
      await expect(writer.append(Buffer.from("y"))).rejects.toMatchObject({ code });
      await expect(writer.flush()).rejects.toMatchObject({ code });
      expect(writer.writtenBytes).toBe(pieceBytes);
      expect((await readFile(path)).length).toBe(pieceBytes);
      await writer.close();
    },
  );

  it("forgets what it holds when it starts again", async () => {
    const { path, file } = await fileIn(tmpdir());
    const writer = new DirectWriter(file, 0, takingDirect().open);
    await writer.append(Buffer.alloc(pieceBytes + 5, "x"));
    await writer.restart(0);
    await file.truncate(0);
    await writer.append(Buffer.from("new"));
    await writer.flush();
    expect(await readFile(path, "utf8")).toBe("new");
    await writer.close();
  });
});
