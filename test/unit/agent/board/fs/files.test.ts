import { stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FolderUnusable } from "../../../../../agent/board/fs/disk.ts";
import { makeFolder } from "../../../../../agent/board/fs/files.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

describe("a folder of the agent's", () => {
  it("is made with those above it, for its user alone", async () => {
    const folder = join(await temporaryFolder(), "a", "b");
    await makeFolder(folder);
    await makeFolder(folder);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
  });

  it.each(["/proc/x", "/proc/x/y", "/proc/self/status/x"])(
    "is refused at once where none can be made: %s",
    async (path) => {
      await expect(makeFolder(path)).rejects.toThrow(FolderUnusable);
      await expect(makeFolder(path)).rejects.toThrow(`The folder ${path} cannot be made: `);
    },
  );
});
