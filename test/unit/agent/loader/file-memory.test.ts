import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { FileMemory } from "../../../../agent/loader/file-memory.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

async function opened(content: string): Promise<number> {
  const path = join(await temporaryFolder(), "file");
  writeFileSync(path, content);
  const file = openSync(path, "r");
  onTestFinished(() => closeSync(file));
  return file;
}

it("holds one file at a time, and nothing once it is released", async () => {
  const memory = new FileMemory();
  const first = memory.read(await opened("the first file"), 14);
  expect(first.toString()).toBe("the first file");
  const second = memory.read(await opened("another"), 7);
  expect(second.toString()).toBe("another");
  memory.release();
  expect(first).toHaveLength(0);
  expect(second).toHaveLength(0);
});

it("refuses a file that ends before its size", async () => {
  const file = await opened("short");
  expect(() => new FileMemory().read(file, 6)).toThrow("shorter than it was");
});
