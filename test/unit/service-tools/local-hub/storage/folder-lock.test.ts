import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { acquireLock, lockHolderPid } from "../../../../../service-tools/local-hub/storage/folder-lock.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

describe("a lock", () => {
  it.each([
    { what: "no file", text: undefined },
    { what: "the file of a process that is gone", text: '{"pid":4194304,"startedAt":"a boot 1"}' },
    { what: "the file of a process whose number somebody else has now", text: '{"pid":1,"startedAt":"a boot 1"}' },
    { what: "a file that says nothing", text: "" },
  ])("is taken by one of many who find $what", async ({ text }) => {
    const path = join(await temporaryFolder(), "lock");
    if (text !== undefined) await writeFile(path, text);
    const takers = await Promise.all(Array.from({ length: 20 }, () => acquireLock(path)));
    const others = takers.filter((one) => "heldBy" in one);
    expect(others).toEqual(Array.from({ length: 19 }, () => ({ heldBy: process.pid })));
    expect(await lockHolderPid(path)).toBe(process.pid);
  });

  it("is free when it was released, and leaves nothing behind", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "lock");
    const lock = await acquireLock(path);
    if (!("release" in lock)) throw new Error("Somebody else has it.");
    await lock.release();
    expect(await lockHolderPid(path)).toBeUndefined();
    expect(await readdir(folder)).toEqual([]);
  });
});
