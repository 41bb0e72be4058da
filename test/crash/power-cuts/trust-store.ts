import { join } from "node:path";
import type { Disk } from "../../../agent/board/fs/disk.ts";
import { TrustFolder } from "../../../agent/board/trust/trust-folder.ts";
import { AgentError } from "../../../agent/lib/errors.ts";
import type { LoadedTrust } from "../../../agent/trust/ports.ts";
import { metadataOf } from "./content.ts";
import type { ReadBack } from "./durability-spec.ts";

/* The trust store beside the agent's state. There is no seed: what a power cut takes of it cannot come back unseen. */

export function trustFolderIn(folder: string, disk?: Disk): TrustFolder {
  const checkRoot = (root: Uint8Array): void => {
    if (!/^root \d+ /.test(Buffer.from(root).toString())) throw new Error("it is no root");
  };
  const options = { folder: join(folder, "trust"), seed: join(folder, "no-seed.json"), checkRoot };
  return new TrustFolder(disk === undefined ? options : { ...options, disk });
}

/** Reads the store as root's helper does. The files of a set must be those that were saved together. */
export async function readTrust(folder: string, seed: number): Promise<Pick<ReadBack, "root" | "trust" | "floor">> {
  try {
    const loaded = await trustFolderIn(folder).load();
    if (loaded === undefined) return { root: null, trust: null, floor: null };
    if (loaded.problems.length > 0) return { root: rootIn(loaded, seed), trust: "damaged", floor: "damaged" };
    return { root: rootIn(loaded, seed), trust: setIn(loaded, seed), floor: loaded.record.floor };
  } catch (cause) {
    if (cause instanceof AgentError) return { root: "damaged", trust: "damaged", floor: "damaged" };
    throw cause;
  }
}

function rootIn({ metadata }: LoadedTrust, seed: number): number | "damaged" {
  const number = numberIn(metadata.root);
  return Buffer.from(metadata.root).equals(metadataOf(seed, number).root) ? number : "damaged";
}

/** The number of the set; null for none, as before the first one is whole. */
function setIn({ metadata }: LoadedTrust, seed: number): number | null | "damaged" {
  if (metadata.timestamp === undefined) return null;
  const number = numberIn(metadata.timestamp);
  const saved = metadataOf(seed, number);
  const isWhole =
    (["timestamp", "snapshot", "targets"] as const).every((name) =>
      Buffer.from(metadata[name] ?? []).equals(saved[name] ?? Buffer.alloc(0)),
    ) && [...saved.roles].every(([name, bytes]) => Buffer.from(metadata.roles.get(name) ?? []).equals(bytes));
  return isWhole ? number : "damaged";
}

/** "timestamp 12 …" */
function numberIn(bytes: Uint8Array): number {
  return Number(/^\w+ (\d+) /.exec(Buffer.from(bytes.subarray(0, 40)).toString())?.[1] ?? -1);
}
