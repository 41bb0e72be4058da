import { randomBytes } from "node:crypto";
import { open } from "node:fs/promises";

const mebibyte = 2 ** 20;

/** Writes a file of random bytes: an image that nothing can compress, cache or guess. */
export async function writeRandomImage(path: string, mebibytes: number): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    for (let written = 0; written < mebibytes; written += 1) await file.writeFile(randomBytes(mebibyte));
  } finally {
    await file.close();
  }
}
