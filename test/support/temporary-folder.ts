import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A new folder that is gone when the test is over. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "boardkeeper-"));
  onTestFinished(async () => {
    // Releases are read-only: an ordinary user must open their folders to empty them.
    await rm(folder, { recursive: true, force: true }).catch(async () => {
      await makeWritable(folder);
      await rm(folder, { recursive: true, force: true });
    });
  });
  return folder;
}

async function makeWritable(folder: string): Promise<void> {
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isDirectory()) await makeWritable(join(folder, entry.name));
}
