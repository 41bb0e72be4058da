import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { ArchiveRefused } from "../../contract/archive-rules.ts";
import { errorCode } from "../../lib/errors.ts";

/** How the bytes of an archive lie in its file. */
type Compression = "none" | "gzip" | "xz" | "zstd";

/**
 * Runs the programs that decompress xz and zstd, as nobody: yields what they write. Rejects with an AgentError where the program is
 * missing. What a program makes of damaged bytes may just end early.
 */
export type Decompress = (
  format: "xz" | "zstd",
  compressed: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
) => AsyncIterable<Uint8Array>;

/** What must come out of an archive's file. */
export interface ContentLimits {
  /** More than this is not read. */
  readonly maxBytes: number;
  /** The signed size and digest; undefined for an image that nobody has signed. */
  readonly signed: { readonly sizeBytes: number; readonly sha256: string } | undefined;
}

const chunkBytes = 256 * 1_024;
const magics: ReadonlyArray<readonly [Compression, readonly number[]]> = [
  ["gzip", [0x1f, 0x8b]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
];

/**
 * The content of an archive's file, decompressed, in pieces. At its end the size and the digest are those that were signed: nothing
 * of it may be used before.
 * @throws ArchiveRefused
 */
export async function* readContent(
  file: FileHandle,
  { maxBytes, signed }: ContentLimits,
  decompress: Decompress,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  const limitBytes = signed === undefined ? maxBytes : Math.min(maxBytes, signed.sizeBytes);
  for await (const bytes of decompressed(file, decompress, signal)) {
    signal.throwIfAborted();
    sizeBytes += bytes.length;
    if (sizeBytes > limitBytes)
      throw new ArchiveRefused(
        "archive-too-large",
        signed !== undefined && limitBytes === signed.sizeBytes
          ? `The archive unpacks to more than the ${signed.sizeBytes} bytes that its publisher has signed. Publish it again.`
          : `The archive unpacks to more than ${limitBytes} bytes, which this board has room for. Free some space, or pack less.`,
      );
    hash.update(bytes);
    yield bytes;
  }
  if (signed === undefined) return;
  if (sizeBytes < signed.sizeBytes)
    throw new ArchiveRefused(
      "archive-invalid",
      `The archive unpacks to ${sizeBytes} bytes, and its publisher has signed ${signed.sizeBytes}: it is damaged, or not what was signed. Publish it again.`,
    );
  if (hash.digest("hex") !== signed.sha256)
    throw new ArchiveRefused(
      "archive-invalid",
      "The content of the archive has another SHA-256 than its publisher has signed. Publish it again.",
    );
}

async function* decompressed(
  file: FileHandle,
  decompress: Decompress,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const compression = await compressionOf(file);
  const source = bytesOf(file);
  if (compression === "none") yield* source;
  else if (compression === "gzip") yield* gunzipped(source, (await file.stat()).size);
  else yield* decompress(compression, source, signal);
}

/** By the first bytes of the file. */
async function compressionOf(file: FileHandle): Promise<Compression> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(6), 0, 6, 0);
  const first = buffer.subarray(0, bytesRead);
  const [compression = "none"] = magics.find(([, magic]) => magic.every((byte, index) => first[index] === byte)) ?? [];
  return compression;
}

async function* bytesOf(file: FileHandle): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; ;) {
    // A new buffer each time: the stream behind may still hold the one before.
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function* gunzipped(source: AsyncIterable<Uint8Array>, sizeBytes: number): AsyncGenerator<Uint8Array, void> {
  const gunzip = createGunzip({ chunkSize: chunkBytes });
  const feeding = pipeline(Readable.from(source, { objectMode: false }), gunzip);
  feeding.catch(() => undefined); // The same error ends the loop below.
  try {
    const unzipped: AsyncIterable<Uint8Array> = gunzip;
    yield* unzipped;
  } catch (cause) {
    if (!/^(Z_|ERR_STREAM_PREMATURE_CLOSE)/.test(errorCode(cause) ?? "")) throw cause;
    const why = errorCode(cause) === "Z_BUF_ERROR" ? "cut off" : "damaged";
    throw new ArchiveRefused("archive-invalid", `The gzip file is ${why}. Pack and publish it again.`);
  }
  if (gunzip.bytesWritten < sizeBytes)
    throw new ArchiveRefused(
      "archive-invalid",
      "Something follows the end of the gzip file. Pack and publish it again.",
    );
}
