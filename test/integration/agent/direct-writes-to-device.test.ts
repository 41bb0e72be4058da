import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { open, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it, onTestFinished } from "vitest";
import { DirectWriter, openAgain } from "../../../agent/board/image/direct-writer.ts";
import { needs } from "../../support/needs.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const run = promisify(execFile);
const pieceBytes = 1_048_576;

/** A file that is a block device too. */
async function loopDevice(bytes: number): Promise<{ path: string; device: string }> {
  const path = join(await temporaryFolder(), "disk");
  await writeFile(path, "");
  await truncate(path, bytes);
  const device = (await run("losetup", ["--find", "--show", path])).stdout.trim();
  onTestFinished(async () => void (await run("losetup", ["--detach", device])));
  return { path, device };
}

it("a block device is written directly and has every byte in its place", needs("loop devices"), async () => {
  const { path, device } = await loopDevice(4 * pieceBytes);
  const content = randomBytes(2 * pieceBytes + 12_345);
  const file = await open(device, "r+");
  const writes: number[] = [];
  const writer = new DirectWriter(file, 0, async (fd) => {
    const direct = await openAgain(fd);
    const write: typeof direct.write = async (memory, from, bytes, at) => {
      const written = await direct.write(memory, from, bytes, at);
      writes.push(at, written.bytesWritten);
      return written;
    };
    return { fd: direct.fd, write, close: () => direct.close() };
  });
  for (let done = 0; done < content.length; done += 100_000)
    await writer.append(content.subarray(done, done + 100_000));
  await writer.flush();
  await file.datasync();
  await writer.close();
  await file.close();
  expect(writes).toStrictEqual([0, pieceBytes, pieceBytes, pieceBytes]);
  expect((await readFile(path)).equals(Buffer.concat([content, Buffer.alloc(4 * pieceBytes - content.length)]))).toBe(
    true,
  );
});
