import { readFile } from "node:fs/promises";
import { arch, release, totalmem } from "node:os";
import { join } from "node:path";
import { truncateUtf8 } from "../../contract/safe-text.ts";
import type { Snapshot } from "../../contract/snapshot.ts";

/** In bytes: all texts of the inventory together must fit a twin. */
const longestText = 100;

/**
 * Model, serial number, OS and the like, from files of the kernel and the distribution: no program is run.
 * @param root the folder above /proc, /sys and /etc
 */
export async function readInventory(root = "/"): Promise<Omit<Snapshot["board"], "compatible" | "equipment">> {
  const [model, serial, osRelease] = await Promise.all([
    firstOf(root, "proc/device-tree/model", "sys/class/dmi/id/product_name"),
    firstOf(root, "proc/device-tree/serial-number"),
    firstOf(root, "etc/os-release"),
  ]);
  return {
    model: bounded(model),
    serial: bounded(serial),
    os: bounded(/^PRETTY_NAME="?([^"\n]*)"?$/m.exec(osRelease ?? "")?.[1] ?? null),
    kernel: bounded(release()),
    arch: arch(),
    memoryBytes: totalmem(),
  };
}

/** The content of the first readable file, without the NUL bytes of the device tree. */
async function firstOf(root: string, ...paths: string[]): Promise<string | null> {
  for (const path of paths) {
    const text = await readFile(join(root, path), "utf8").catch(() => ""); // Boards differ in which files they have.
    const clean = text.replaceAll("\0", "").trim();
    if (clean !== "") return clean;
  }
  return null;
}

function bounded(text: string | null): string | null {
  return text === null ? null : truncateUtf8(text, longestText);
}
