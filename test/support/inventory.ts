import type { Snapshot } from "../../agent/contract/snapshot.ts";

/** What a board is, where nothing about it matters. */
export const bareInventory: Omit<Snapshot["board"], "compatible"> = {
  model: null,
  serial: null,
  os: null,
  kernel: null,
  arch: "arm64",
  memoryBytes: 1,
  equipment: null,
};
