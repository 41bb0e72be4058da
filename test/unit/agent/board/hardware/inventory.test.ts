import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readInventory } from "../../../../../agent/board/hardware/inventory.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

it("an inventory has no text that would not fit a twin", async () => {
  const root = await temporaryFolder();
  const long = "x".repeat(5_000);
  await mkdir(join(root, "etc"));
  await mkdir(join(root, "proc/device-tree"), { recursive: true });
  await writeFile(join(root, "etc/os-release"), `ID=test\nPRETTY_NAME="${long}"\n`);
  await writeFile(join(root, "proc/device-tree/model"), `${long}\0`);
  await writeFile(join(root, "proc/device-tree/serial-number"), `1000\0`);
  const { model, os, serial } = await readInventory(root);
  expect(serial).toBe("1000");
  for (const text of [model, os]) expect(text).toMatch(/^x{97}…$/);
});
