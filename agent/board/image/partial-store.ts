import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { dirname } from "node:path";
import { PartialFile, type OpenedFile, type PartialFileOptions } from "./partial-file.ts";
import type { BootClock } from "../../lib/clock.ts";
import { check } from "../../contract/check.ts";
import { AgentError, isAbsent } from "../../lib/errors.ts";
import { openRegularFile, readRegularFile } from "../../lib/regular-file.ts";
import type { PartialImage, PartialStore } from "../../download/ports.ts";
import {
  noUsage,
  partialMetadata,
  metadataPath,
  usableBytes,
  type PartialMetadata,
} from "../../download/partial-metadata.ts";
import { nodeDisk } from "../fs/disk.ts";
import { freeDiskBytes, withDiskErrors } from "../fs/files.ts";

/** Large enough to be fast, small enough to hash in a few milliseconds on a small board: methods are answered in between. */
const chunkBytes = 256 * 1_024;

/** An address alone may have 100,000 characters, of up to three bytes each. */
const maxRecordBytes = 1_048_576;

/** Partial images as files, each with a small record file beside it. */
export class FilePartialStore implements PartialStore {
  readonly #bootId: string;
  readonly #bootClock: BootClock;
  readonly #options: PartialFileOptions;

  constructor(bootId: string, bootClock: BootClock, options: Partial<PartialFileOptions> = {}) {
    this.#bootId = bootId;
    this.#bootClock = bootClock;
    this.#options = { keepFreeBytes: 0, freeBytes: freeDiskBytes, disk: nodeDisk, ...options };
  }

  async open(path: string, operationId: string, signal: AbortSignal): Promise<PartialImage> {
    const record = await withDiskErrors(dirname(path), async () => await readRecord(metadataPath(path)));
    const spent = record?.spent.operationId === operationId ? record.spent : noUsage(operationId);
    const opened = await withDiskErrors(dirname(path), async () => await reopen(path, record, this.#bootId, signal));
    const known = opened.bytes > 0 && record !== undefined ? record : { totalBytes: null, source: null };
    return new PartialFile(path, this.#bootClock, this.#options, opened, {
      schema: 1,
      bootId: this.#bootId,
      syncedBytes: Math.min(record?.syncedBytes ?? 0, opened.bytes),
      totalBytes: known.totalBytes,
      source: known.source,
      spent,
    });
  }
}

/** The record; undefined where there is no usable one: then the image is downloaded from its first byte. */
async function readRecord(path: string): Promise<PartialMetadata | undefined> {
  try {
    const read = check(partialMetadata, JSON.parse(await readRegularFile(path, maxRecordBytes)));
    return read.ok ? read.value : undefined;
  } catch (cause) {
    if (isAbsent(cause) || cause instanceof SyntaxError) return undefined;
    throw cause;
  }
}

/** Opens the file, truncates it to its usable bytes, and hashes them. */
async function reopen(
  path: string,
  record: PartialMetadata | undefined,
  bootId: string,
  signal: AbortSignal,
): Promise<OpenedFile> {
  const file = await openRegularFile(path, constants.O_RDWR | constants.O_CREAT);
  try {
    const { size } = await file.stat();
    const bytes = record === undefined ? 0 : usableBytes(record, bootId, size);
    if (bytes < size) await file.truncate(bytes);
    const hash = createHash("sha256");
    const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, bytes));
    for (let done = 0; done < bytes;) {
      signal.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, bytes - done), done);
      if (bytesRead === 0)
        throw new AgentError(
          "disk-error",
          `${path} became shorter while it was read. Check what else writes in its folder, then request the update again.`,
        );
      hash.update(buffer.subarray(0, bytesRead));
      done += bytesRead;
    }
    return { file, hash, bytes };
  } catch (cause) {
    await file.close();
    throw cause;
  }
}
