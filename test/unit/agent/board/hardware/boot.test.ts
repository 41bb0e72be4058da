import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readBootId } from "../../../../../agent/board/hardware/boot.ts";
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
