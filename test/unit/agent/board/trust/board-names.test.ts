import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { readBoardNames, simulatedBoardNames } from "../../../../../agent/board/trust/board-names.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

const tree = "proc/device-tree/compatible";
const product = "sys/class/dmi/id/product_name";

async function boardWith(files: Readonly<Record<string, string>>): Promise<string> {
  const root = await temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), content);
  }
  return root;
}

describe("the names of a board", () => {
  it.each([
    ["the device tree's", { [tree]: "raspberrypi,4-model-b\0brcm,bcm2711\0", [product]: "PC\n" }, "device tree"],
    ["the DMI's", { [product]: "Standard PC (Q35 + ICH9, 2009)\n" }, "DMI"],
    ["nobody's", {}, null],
    ["nobody's, where nothing is left of them", { [tree]: "\0 \0", [product]: "()\n" }, null],
  ])("are %s", async (_whose, files, source) => {
    const names = {
      "device tree": ["raspberrypi,4-model-b", "brcm,bcm2711"],
      DMI: ["Standard-PC-Q35-+-ICH9,-2009"],
      none: [],
    }[source ?? "none"];
    expect(await readBoardNames({ compatible: [] }, await boardWith(files))).toStrictEqual({ names, source });
  });

  it("are those that its owner gives it, and no others", async () => {
    const root = await boardWith({ [tree]: "raspberrypi,4-model-b\0" });
    expect(await readBoardNames({ compatible: ["acme,gateway"] }, root)).toStrictEqual({
      names: ["acme,gateway"],
      source: "board.conf",
    });
  });

  it("are each there once, and not more than 32", async () => {
    const many = Array.from({ length: 40 }, (_, index) => `acme,b${index % 35}`).join("\0");
    const { names } = await readBoardNames({ compatible: [] }, await boardWith({ [tree]: many }));
    expect([names.length, new Set(names).size]).toStrictEqual([32, 32]);
  });

  it("of a simulated board are its own, unless its owner gives it others", () => {
    expect(simulatedBoardNames({ compatible: [] }).names).toStrictEqual(["simulated-board"]);
    expect(simulatedBoardNames({ compatible: ["acme"] }).names).toStrictEqual(["acme"]);
  });
});
