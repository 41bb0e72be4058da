import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { ArchiveRefused, ArchiveRules } from "../../agent/contract/archive-rules.ts";
import { TarReader } from "../../agent/contract/tar-reader.ts";
import { describeError } from "../local-hub/lib/log.ts";

/* What lies in an image: found out by reading it as a board will. */

type Compression = "gzip" | "xz" | "zstd";

export interface ImageContent {
  /** An archive that boards can unpack, or that they cannot, with the reason; or something else, which only a program of theirs understands. */
  readonly kind: "archive" | "refused-archive" | "other";
  readonly compression: Compression | null;
  /** Of an archive without its compression; of anything else, of the file as it is. */
  readonly contentSha256: string;
  readonly contentSize: number;
  /** Why boards cannot unpack it. */
  readonly refusal?: ArchiveRefused;
}

/** The file cannot be read as what it says that it is; the message says why. */
class UnreadableImage extends Error {}

/** The first bytes of each format: RFC 1952; the .xz file format; RFC 8878. */
const signatures: readonly (readonly [Compression, string])[] = [
  ["gzip", "1f8b"],
  ["xz", "fd377a585a00"],
  ["zstd", "28b52ffd"],
];

/** As on boards: a larger window needs more memory than they give to an unpacking program. */
const decompressors = {
  xz: {
    program: "xz",
    args: ["--decompress", "--stdout", "--quiet", "--memlimit-decompress=72MiB"],
    package: "xz-utils",
  },
  zstd: { program: "zstd", args: ["--decompress", "--stdout", "--quiet", "--memory=64MB"], package: "zstd" },
} as const;

const tarBlock = 512;

/**
 * Reads an image, in bounded memory.
 * @param file that nobody changes meanwhile @param own SHA-256 and size of the file itself
 * @throws UnreadableImage
 */
export async function inspectImage(
  file: string,
  own: { readonly sha256: string; readonly sizeBytes: number },
  signal: AbortSignal,
): Promise<ImageContent> {
  const asItIs = { contentSha256: own.sha256, contentSize: own.sizeBytes };
  const compression = compressionOf(await firstBytes(file, 6));
  const read = await readContent(
    compression === null ? createReadStream(file) : decompress(file, compression, own.sizeBytes, signal),
  );
  if (read === "other") return { kind: "other", compression, ...asItIs };
  const { refusal, ...digest } = read;
  return refusal === undefined
    ? { kind: "archive", compression, ...digest }
    : { kind: "refused-archive", compression, ...digest, refusal };
}

function compressionOf(bytes: Buffer): Compression | null {
  const hex = bytes.toString("hex");
  return signatures.find(([, signature]) => hex.startsWith(signature))?.[0] ?? null;
}

async function firstBytes(file: string, count: number): Promise<Buffer> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(count), 0, count, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** Digest and size of what the stream brings, checked as an archive; "other" as soon as its beginning is none. */
async function readContent(
  stream: AsyncIterable<Buffer>,
): Promise<"other" | { contentSha256: string; contentSize: number; refusal?: ArchiveRefused }> {
  const hash = createHash("sha256");
  const checker = new ArchiveChecker();
  let size = 0;
  let beginning = Buffer.alloc(0);
  for await (const chunk of stream) {
    hash.update(chunk);
    size += chunk.length;
    if (beginning.length >= tarBlock) {
      checker.push(chunk);
      continue;
    }
    beginning = Buffer.concat([beginning, chunk]);
    if (beginning.length < tarBlock) continue;
    if (!isTar(beginning)) return "other";
    checker.push(beginning);
  }
  if (beginning.length < tarBlock) return "other";
  const refusal = checker.end();
  return { contentSha256: hash.digest("hex"), contentSize: size, ...(refusal === undefined ? {} : { refusal }) };
}

function isTar(block: Buffer): boolean {
  return block.subarray(257, 262).toString("latin1") === "ustar";
}

/** Checks an archive by the rules of boards, and keeps the first refusal. */
class ArchiveChecker {
  readonly #reader = new TarReader();
  readonly #rules = new ArchiveRules();
  #refusal: ArchiveRefused | undefined;

  push(bytes: Buffer): void {
    this.#attempt(() => {
      for (const event of this.#reader.push(bytes)) if (event.type === "entry") this.#rules.check(event.entry);
    });
  }

  end(): ArchiveRefused | undefined {
    this.#attempt(() => this.#reader.end());
    return this.#refusal;
  }

  #attempt(act: () => void): void {
    if (this.#refusal !== undefined) return;
    try {
      act();
    } catch (cause) {
      if (!(cause instanceof ArchiveRefused)) throw cause;
      this.#refusal = cause;
    }
  }
}

async function* decompress(
  file: string,
  compression: Compression,
  size: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void> {
  if (compression !== "gzip") {
    yield* runDecompressor(file, compression, signal);
    return;
  }
  try {
    const source = createReadStream(file);
    const gunzip = createGunzip();
    source.once("error", (cause) => gunzip.destroy(cause));
    yield* source.pipe(gunzip) as AsyncIterable<Buffer>;
    // Node passes over what follows; another reader may not.
    if (gunzip.bytesWritten < size)
      throw new UnreadableImage("Something follows the end of the gzip file. Pack it again.");
  } catch (cause) {
    if (cause instanceof UnreadableImage) throw cause;
    throw new UnreadableImage(`It begins as a gzip file and cannot be decompressed: ${describeError(cause)}.`, {
      cause,
    });
  }
}

async function* runDecompressor(
  file: string,
  compression: "xz" | "zstd",
  signal: AbortSignal,
): AsyncGenerator<Buffer, void> {
  const { program, args, package: debianPackage } = decompressors[compression];
  const input = await open(file);
  try {
    const child = spawn(program, args, { signal });
    // It may end before it has read all; its exit status says why.
    child.stdin.once("error", () => undefined);
    input.createReadStream({ autoClose: false }).pipe(child.stdin);
    const ended = new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (status, killedBy) => resolve(status ?? killedBy));
    });
    // It is looked at below; until then nobody waits for it.
    ended.catch(() => undefined);
    let complaint = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (complaint = (complaint + text).slice(0, 1_000)));
    let isRead = false;
    try {
      yield* child.stdout as AsyncIterable<Buffer>;
      isRead = true;
    } finally {
      // Its reader may have seen enough.
      if (!isRead) child.kill();
    }
    const status = await ended.catch((cause: unknown) => {
      signal.throwIfAborted();
      throw new UnreadableImage(
        `It is compressed with ${compression}, and ${program} could not be started: ${describeError(cause)}. Install it, on Debian with: apt install ${debianPackage}`,
        { cause },
      );
    });
    if (status !== 0) throw new UnreadableImage(refusalOf(compression, complaint.trim()));
  } finally {
    await input.close();
  }
}

function refusalOf(compression: "xz" | "zstd", complaint: string): string {
  const advice = /memory/i.test(complaint)
    ? " Boards unpack with little memory: compress again with a smaller window, such as xz -6 or zstd -19 without --long and --ultra."
    : "";
  return `It is compressed with ${compression} and cannot be decompressed: ${complaint}.${advice}`;
}
