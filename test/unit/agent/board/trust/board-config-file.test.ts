import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readBoardConfig } from "../../../../../agent/board/trust/board-config-file.ts";
import { defaultBoardConfig } from "../../../../../agent/config/board-config.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

const owners = [0, process.getuid?.() ?? 0];

async function configWith(text: string, mode = 0o644): Promise<string> {
  const path = join(await temporaryFolder(), "board.conf");
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
}

describe("the file board.conf", () => {
  it("is read", async () => {
    const path = await configWith("update.allow-unsigned = yes\n");
    expect(await readBoardConfig(path, owners)).toStrictEqual({ ...defaultBoardConfig, allowUnsigned: true });
  });

  it("need not be there", async () => {
    expect(await readBoardConfig(join(await temporaryFolder(), "none"), owners)).toStrictEqual(defaultBoardConfig);
  });

  it("counts for nothing where others than root may write to it", async () => {
    const path = await configWith("update.allow-unsigned = yes\n", 0o666);
    await expect(readBoardConfig(path, owners)).rejects.toMatchObject({
      code: "board-config-invalid",
      message: `others than root may write to ${path}, so ${path} may not be written by this board's owner, and it is not obeyed. Correct that, as root.`,
    });
  });

  it("counts for nothing where a line of it is not understood", async () => {
    const path = await configWith("update.alow-unsigned = yes\nrelease.keep = 0\n");
    await expect(readBoardConfig(path, owners)).rejects.toMatchObject({
      code: "board-config-invalid",
      message: expect.stringMatching(/line 1: .*; line 2: .*Correct it, as root\.$/) as string,
    });
  });

  it("counts for nothing where it is too large to be one", async () => {
    const path = await configWith("#".repeat(70_000));
    await expect(readBoardConfig(path, owners)).rejects.toMatchObject({ code: "board-config-invalid" });
  });
});
