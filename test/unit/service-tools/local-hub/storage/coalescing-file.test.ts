import { mkdir, readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CoalescingFile } from "../../../../../service-tools/local-hub/storage/coalescing-file.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

describe("a kept file", () => {
  it("holds, whenever a promise is kept, what was to be saved then or something newer", async () => {
    const path = join(await temporaryFolder(), "counter");
    const file = new CoalescingFile(path);
    let counter = 0;
    let writes = 0;
    const render = (): string => {
      writes += 1;
      return String(counter);
    };
    const saved = Array.from({ length: 50 }, async (_, index) => {
      counter = index + 1;
      await file.save(render);
      expect(Number(await readFile(path, "utf8"))).toBeGreaterThanOrEqual(index + 1);
    });
    await Promise.all(saved);
    expect(await readFile(path, "utf8")).toBe("50");
    expect(writes, "saves that come together become one write").toBeLessThan(50);
  });

  it("is removed when there is nothing to hold", async () => {
    const folder = await temporaryFolder();
    const file = new CoalescingFile(join(folder, "value"));
    await file.save(() => "1");
    await file.save(() => undefined);
    expect(await readdir(folder)).toEqual([]);
  });

  it("rejects the saves that could not be written, and writes again later", async () => {
    const folder = join(await temporaryFolder(), "state");
    await mkdir(folder);
    const file = new CoalescingFile(join(folder, "value"));
    await file.save(() => "1");
    await rm(folder, { recursive: true });
    const asked = [file.save(() => "2"), file.save(() => "3")];
    const results = await Promise.allSettled(asked);
    expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await file.idle();
    await mkdir(folder);
    await file.save(() => "4");
    expect(await readFile(join(folder, "value"), "utf8")).toBe("4");
    expect(await readdir(folder)).toEqual(["value"]);
  });
});
