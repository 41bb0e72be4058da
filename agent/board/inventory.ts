import { readFile } from "node:fs/promises";
import { arch, release, totalmem } from "node:os";
import type { Snapshot } from "../contract/snapshot.ts";

/** What the board is, from the files that the kernel and the distribution keep: no program is run for it. */
export async function readInventory(): Promise<Snapshot["board"]> {
  const [model, serial, osRelease] = await Promise.all([
    firstOf("/proc/device-tree/model", "/sys/class/dmi/id/product_name"),
    firstOf("/proc/device-tree/serial-number"),
    firstOf("/etc/os-release"),
  ]);
  return {
    model,
    serial,
    os: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(osRelease ?? "")?.[1] ?? null,
    kernel: release(),
    arch: arch(),
    memoryBytes: totalmem(),
  };
}

/** The first of some files that can be read, without the NUL bytes of the device tree. */
async function firstOf(...paths: string[]): Promise<string | null> {
  for (const path of paths) {
    const text = await readFile(path, "utf8").catch(() => ""); // Boards differ in which of them they have.
    const clean = text.replaceAll("\0", "").trim();
    if (clean !== "") return path === "/etc/os-release" ? clean : clean.slice(0, 100);
  }
  return null;
}
