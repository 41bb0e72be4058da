import { readFile } from "node:fs/promises";

/*
 * What a disk was asked, in order: the log of qemu's blklogwrites filter, in the format of the kernel's dm-log-writes
 * (Documentation/admin-guide/device-mapper/log-writes.rst; the numbers are in drivers/md/dm-log-writes.c).
 */

export type Entry =
  | { readonly kind: "write"; readonly atBytes: number; readonly data: Buffer }
  /** All that was written before it lies on the disk for sure. */
  | { readonly kind: "flush" };

const magic = 0x6a_73_66_77_73_68_72n;
const flushFlag = 1n;

export async function readBlockLog(path: string): Promise<Entry[]> {
  const log = await readFile(path);
  const count = Number(log.readBigUInt64LE(16));
  const sectorBytes = log.readUInt32LE(24);
  if (log.readBigUInt64LE(0) !== magic) throw new Error(`${path} is no log of writes.`);
  const entries: Entry[] = [];
  let position = sectorBytes; // The first sector describes the log.
  while (entries.length < count) {
    const [sector = 0n, sectors = 0n, flags = 0n] = [0, 8, 16].map((offset) => log.readBigUInt64LE(position + offset));
    position += sectorBytes;
    const bytes = Number(sectors) * sectorBytes;
    if (flags === flushFlag && bytes === 0) entries.push({ kind: "flush" });
    else if (flags === 0n) {
      entries.push({
        kind: "write",
        atBytes: Number(sector) * sectorBytes,
        data: log.subarray(position, position + bytes),
      });
    } else throw new Error(`A request of a kind that is not expected here: flags ${flags}, ${bytes} bytes.`);
    position += bytes;
  }
  return entries;
}
