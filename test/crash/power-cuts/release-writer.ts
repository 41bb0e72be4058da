import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { VerifiedFile } from "../../../agent/install-helper/installers/installer.ts";
import { releaseInstaller } from "../../../agent/install-helper/installers/release/release.ts";
import { applyVariant, type SyncVariant } from "./sync-variants.ts";
import { markBytesOf, releaseOf, type ReleaseStep } from "./release-content.ts";

/* Does steps of root's helper with releases, on a disk that is recorded, and notes on it when each has begun and ended. */

export interface ReleaseOrder {
  /** On the disk that is recorded. */
  readonly folder: string;
  /** Where images lie: on another disk. */
  readonly images: string;
  readonly disk: string;
  readonly marksAtBytes: number;
  readonly habit: SyncVariant;
  readonly steps: readonly ReleaseStep[];
}

const order = JSON.parse(process.argv[2] ?? "") as ReleaseOrder;
const never = new AbortController().signal;
await applyVariant(order.habit, order.folder);
const marks = await open(order.disk, constants.O_WRONLY);

const installer = releaseInstaller({
  folder: order.folder,
  readConfig: async () => ({ releaseUnits: ["app.service"], releaseKeep: 2 }),
  checkedImages: new Set(),
  bootId: "0e2f",
  log: (_priority, text) => {
    throw new Error(text);
  },
  freeBytes: async () => 2 ** 40,
  decompress: () => {
    throw new Error("Nothing of this is compressed.");
  },
  units: { restart: async () => undefined, stop: async () => undefined, states: async () => [] },
});

async function imageOf(version: string): Promise<VerifiedFile> {
  const bytes = releaseOf(version);
  const path = join(order.images, version);
  await writeFile(path, bytes);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { path, sha256, sizeBytes: bytes.length, version, operationId: `op-${version}`, target: undefined };
}

for (const [index, { verb, version }] of order.steps.entries()) {
  const image = await imageOf(version);
  await marks.write(markBytesOf({ step: index, is: "begun" }), 0, undefined, order.marksAtBytes);
  await installer[verb](image, never);
  await marks.write(markBytesOf({ step: index, is: "done" }), 0, undefined, order.marksAtBytes);
}
await marks.close();
