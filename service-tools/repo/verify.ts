import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BaseFetcher, Updater } from "tuf-js";
import { DownloadHTTPError } from "tuf-js/dist/error.js";
import { maxMetadataBytes, targetFilePath } from "../../agent/contract/signed-target.ts";
import { describeError } from "../local-hub/lib/log.ts";
import { readContentsFrom, type Contents } from "./contents.ts";
import { expiryWarnings } from "./expiry.ts";
import { inspectImage } from "./image-content.ts";
import type { TargetEntry } from "./metadata.ts";
import type { RepositorySource } from "./source.ts";
import { copyTo } from "./stage-image.ts";

/*
 * Looks at a repository twice: with TUF's reference client, which knows nothing of this program, and with our own rules for what
 * TUF leaves open. Then at the images, byte for byte.
 */

export interface Verification {
  readonly contents: Contents;
  /** How many images were read; null where only the metadata was asked for. */
  readonly images: number | null;
  /** Each a sentence; a repository without problems may be served. */
  readonly problems: readonly string[];
  /** What will expire. */
  readonly warnings: readonly string[];
}

/**
 * @param seed the root that boards have; the repository's first by default
 * @throws DamagedRepository when the metadata cannot be read to its end
 */
export async function verifyRepository(
  source: RepositorySource,
  {
    seed,
    withImages,
    now,
    signal,
  }: { seed: Uint8Array | undefined; withImages: boolean; now: Date; signal: AbortSignal },
): Promise<Verification> {
  const contents = await readContentsFrom(source);
  const problems = await askReferenceClient(source, contents, seed);
  const targets = new Map<string, TargetEntry>();
  for (const [board, { files }] of contents.boards) {
    for (const [path, entry] of files) {
      targets.set(path, entry);
      if (!path.startsWith(`${board}/`))
        problems.push(`${path} is listed by the role ${board}, which has no right to it.`);
      if (!entry.description.boards.includes(board))
        problems.push(`${path} is in the list of ${board} and does not say that it is for it.`);
    }
  }
  if (withImages)
    for (const [path, entry] of targets) problems.push(...(await checkImage(source, path, entry, signal)));
  return { contents, images: withImages ? targets.size : null, problems, warnings: expiryWarnings(contents, now) };
}

/** Follows the repository from the seed to each of its targets. */
async function askReferenceClient(
  source: RepositorySource,
  contents: Contents,
  seed: Uint8Array | undefined,
): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "boardkeeper-verify-"));
  try {
    const root = seed ?? (await source.read("metadata/1.root.json", maxMetadataBytes));
    await writeFile(join(folder, "root.json"), root ?? "");
    const metadataBaseUrl = "https://repository.invalid/metadata";
    // A board goes on with its next try; this client has only one.
    const config = { maxRootRotations: contents.root.version };
    const updater = new Updater({ metadataDir: folder, metadataBaseUrl, fetcher: new SourceFetcher(source), config });
    await updater.refresh();
    for (const [board, { files }] of contents.boards) {
      for (const [path, { sha256, sizeBytes }] of files) {
        const found = await updater.getTargetInfo(path);
        if (found?.hashes["sha256"] === sha256 && found.length === sizeBytes) continue;
        return [`TUF's reference client does not find ${path} of ${board}, or finds another file there.`];
      }
    }
    return [];
  } catch (cause) {
    return [`TUF's reference client refuses the repository: ${describeError(cause)}.`];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

class SourceFetcher extends BaseFetcher {
  readonly #source: RepositorySource;

  constructor(source: RepositorySource) {
    super();
    this.#source = source;
  }

  override async fetch(url: string): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const bytes = await this.#source.read(decodeURIComponent(new URL(url).pathname.slice(1)), maxMetadataBytes);
    const { body } = new Response(bytes === undefined ? null : new Uint8Array(bytes));
    if (body === null) throw new DownloadHTTPError("no such file", 404);
    return body;
  }
}

async function checkImage(
  source: RepositorySource,
  path: string,
  entry: TargetEntry,
  signal: AbortSignal,
): Promise<string[]> {
  const file = targetFilePath(path, entry.sha256);
  const folder = await mkdtemp(join(tmpdir(), "boardkeeper-verify-"));
  try {
    const stream = await source.stream(file);
    if (stream === undefined) return [`${file} is missing.`];
    const copy = join(folder, "image");
    const digest = await copyTo(copy, stream, signal);
    if (digest.sha256 !== entry.sha256 || digest.sizeBytes !== entry.sizeBytes) {
      return [`${file} holds other bytes than were signed. Publish the image again.`];
    }
    const { description } = entry;
    const content = await inspectImage(copy, digest, signal);
    if (content.contentSha256 !== description.contentSha256 || content.contentSize !== description.contentSize) {
      return [`${file} unpacks to something else than was signed. Publish it under a new version.`];
    }
    if (description.installer !== "release" || content.kind === "archive") return [];
    return [`Boards would refuse ${file}: ${content.refusal?.message ?? "it is no archive."}`];
  } catch (cause) {
    signal.throwIfAborted();
    return [`${file} cannot be read: ${describeError(cause)}.`];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
