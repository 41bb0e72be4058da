import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { toBoardName } from "../../contract/signed-target.ts";
import type { BoardConfig } from "../../config/board-config.ts";

/** Where the names come from. */
export interface BoardNames {
  /** The most specific one first; empty where nothing names the board. */
  readonly names: readonly string[];
  readonly source: "board.conf" | "device tree" | "DMI" | "simulator" | null;
}

/** No device tree has more. */
const mostNames = 32;

/**
 * The names of this board in signed metadata: those that its owner has given it; else those of its device tree; else its DMI
 * product. A name that its owner gives takes the place of all others.
 * @param root the folder above /proc and /sys
 */
export async function readBoardNames({ compatible }: Pick<BoardConfig, "compatible">, root = "/"): Promise<BoardNames> {
  if (compatible.length > 0) return { names: compatible, source: "board.conf" };
  const tree = await namesIn(join(root, "proc/device-tree/compatible"));
  if (tree.length > 0) return { names: tree, source: "device tree" };
  const product = await namesIn(join(root, "sys/class/dmi/id/product_name"));
  return product.length > 0 ? { names: product, source: "DMI" } : { names: [], source: null };
}

/** A simulated board has no hardware; its owner may name it. */
export function simulatedBoardNames({ compatible }: Pick<BoardConfig, "compatible">): BoardNames {
  if (compatible.length > 0) return { names: compatible, source: "board.conf" };
  return { names: ["simulated-board"], source: "simulator" };
}

/** The NUL-separated strings of a file of the kernel's, as board names. */
async function namesIn(path: string): Promise<string[]> {
  const text = await readFile(path, "utf8").catch(() => ""); // Boards differ in which files they have.
  const names = text.split("\0").flatMap((one) => toBoardName(one) ?? []);
  return [...new Set(names)].slice(0, mostNames);
}
