import { createHash, randomBytes } from "node:crypto";
import { open, readdir, rename, rm, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { makePrivateFolder, syncFolder } from "../local-hub/storage/atomic-file.ts";
import { openRegularFile } from "../local-hub/storage/regular-file.ts";
import { imagePath, imageUrl, imagesFolder } from "./image-path.ts";

export interface PublishedImage {
  readonly url: string;
  /** In bytes. */
  readonly size: number;
  readonly sha256: string;
}

/** A temporary copy older than this was left by a publish that was killed. */
const ABANDONED_MS = 24 * 60 * 60 * 1000;
const TEMPORARY = ".writing";
const CHUNK_BYTES = 1024 * 1024;
const PRIVATE_FILE = 0o600;

/**
 * Copies a file to the image server's folder and hashes the copied bytes. The image appears there complete or not at all.
 * The same bytes with the same name are the same image.
 */
export async function publishImage(hubFolder: string, imagesUrl: string, file: string): Promise<PublishedImage> {
  const folder = imagesFolder(hubFolder);
  await makePrivateFolder(folder);
  await removeAbandoned(folder);
  const temporary = join(folder, `.${randomBytes(6).toString("hex")}${TEMPORARY}`);
  const source = await openRegularFile(file);
  try {
    const { size, sha256 } = await copy(source, temporary);
    const image = imagePath(sha256, file);
    const target = join(folder, image.digest);
    await makePrivateFolder(target);
    await rename(temporary, join(target, image.name));
    await Promise.all([syncFolder(target), syncFolder(folder)]);
    return { url: imageUrl(imagesUrl, image), size, sha256 };
  } finally {
    await source.close();
    await rm(temporary, { force: true });
  }
}

async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith(TEMPORARY)) continue;
    const path = join(folder, name);
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > ABANDONED_MS) await rm(path, { force: true });
  }
}

async function copy(source: FileHandle, path: string): Promise<{ size: number; sha256: string }> {
  const target = await open(path, "wx", PRIVATE_FILE);
  try {
    const hash = createHash("sha256");
    const chunk = Buffer.alloc(CHUNK_BYTES);
    let size = 0;
    for (;;) {
      const { bytesRead } = await source.read(chunk, 0, CHUNK_BYTES, size);
      if (bytesRead === 0) break;
      const read = chunk.subarray(0, bytesRead);
      hash.update(read);
      await target.writeFile(read);
      size += bytesRead;
    }
    await target.sync();
    return { size, sha256: hash.digest("hex") };
  } finally {
    await target.close();
  }
}
