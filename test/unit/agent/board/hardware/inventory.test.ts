import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readBootId } from "../../../../../agent/board/hardware/boot.ts";
import { readInventory } from "../../../../../agent/board/hardware/inventory.ts";
import { ConfigError } from "../../../../../agent/config/load.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

it("a boot id is the kernel's, or the agent does not start: a made-up one would prove reboots that never were", async () => {
  const path = join(await temporaryFolder(), "boot_id");
  const refused: unknown = await readBootId(path).catch((cause: unknown) => cause);
  expect(refused).toBeInstanceOf(ConfigError);
  expect(refused).toMatchObject({ message: expect.stringContaining("Take ProcSubset=pid out") });
  await writeFile(path, "4af34ee1-d37f-4c1f-a1a5-44d2cb0b0a3c\n");
  expect(await readBootId(path)).toBe("4af34ee1-d37f-4c1f-a1a5-44d2cb0b0a3c");
  await writeFile(path, "\n");
  await expect(readBootId(path)).rejects.toBeInstanceOf(ConfigError);
});

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
