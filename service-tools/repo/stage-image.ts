import { createHash } from "node:crypto";
import { copyFile, link, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { targetFilePath } from "../../agent/contract/signed-target.ts";
import { syncFolder } from "../local-hub/storage/atomic-file.ts";
import { openRegularFile } from "../local-hub/storage/regular-file.ts";
import { draftPath, makeFolder } from "./durable-files.ts";
import { inspectImage, type ImageContent } from "./image-content.ts";
import { packFolder } from "./pack-folder.ts";
import type { ImageFile, Placement } from "./publication.ts";

/** A copy of an image in the repository that no metadata names yet. */
export interface StagedImage extends ImageFile {
  readonly content: ImageContent;
  /** Puts it where boards will look for it. Call it before the metadata names it. */
  place(paths: Placement): Promise<void>;
  /** Removes the copy, unless it was placed. */
  discard(): Promise<void>;
}

/**
 * Copies a file into the repository, or packs a folder there, and looks what is in it. The copy is looked at: what is published is
 * what was checked.
 * @throws UnreadableImage, CannotPack
 */
export async function stageImage(repository: string, path: string, signal: AbortSignal): Promise<StagedImage> {
  const draft = draftPath(repository);
  const discard = (): Promise<void> => rm(draft, { force: true });
  try {
    const isFolder = (await stat(path)).isDirectory();
    const digest = isFolder ? await copyTo(draft, packFolder(path), signal) : await copyFileTo(draft, path, signal);
    const content = await inspectImage(draft, digest, signal);
    const name = isFolder ? `${basename(resolve(path))}.tar.gz` : basename(path);
    return { ...digest, name, content, place: (paths) => place(repository, draft, digest.sha256, paths), discard };
  } catch (cause) {
    await discard();
    throw cause;
  }
}

async function copyFileTo(
  draft: string,
  path: string,
  signal: AbortSignal,
): Promise<{ sha256: string; sizeBytes: number }> {
  const source = await openRegularFile(path);
  try {
    return await copyTo(draft, source.createReadStream({ autoClose: false }), signal);
  } finally {
    await source.close();
  }
}

/** Copies bytes into a new file. @returns their SHA-256 and size */
export async function copyTo(
  path: string,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<{ sha256: string; sizeBytes: number }> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  const file = await open(path, "wx", 0o644);
  try {
    for await (const chunk of source) {
      signal.throwIfAborted();
      hash.update(chunk);
      sizeBytes += chunk.length;
      await file.writeFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { sha256: hash.digest("hex"), sizeBytes };
}

async function place(repository: string, draft: string, sha256: string, paths: Placement): Promise<void> {
  for (const path of paths.values()) {
    const file = join(repository, targetFilePath(path, sha256));
    await makeFolder(dirname(file));
    const beside = draftPath(repository);
    // One copy on the disk for all boards; a file system such as a stick's has no hard links.
    await link(draft, beside).catch(() => copyFile(draft, beside));
    await rename(beside, file);
    await syncFolder(dirname(file));
  }
  await syncFolder(join(repository, "targets"));
  await rm(draft, { force: true });
}
