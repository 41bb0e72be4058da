import { createHash } from "node:crypto";
import { trustFileNames } from "../../agent/board/trust/trust-folder.ts";
import { canonicalJson, type JsonObject } from "../../agent/contract/json.ts";
import { firstVersion } from "./board-state.ts";
import { contentOf, type DiskState } from "./disk-state.ts";

/* What root's helper keeps on the simulated disk, and what the invariants know of it. */

export const helperFolder = "/helper";
export const trustFolder = "/trust";

const digest = (text: string): string => createHash("sha256").update(text).digest("hex");

/** The metadata that the agent has downloaded; a new board has the first. */
export const newestMetadata = 2;

/** What a disk says of trust. */
export interface TrustOnDisk {
  readonly metadata: number;
  readonly floor: number;
}

/** A new board runs a system of epoch 1, which was never committed by a helper. */
const firstTrust: TrustOnDisk = { metadata: 1, floor: 1 };

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** The files of a new board's store, by their paths. */
export function firstTrustFiles(): Readonly<Record<string, string>> {
  const record = checked({ seq: 1, floor: firstTrust.floor, issued: null });
  return {
    [pathOf("root")]: "root",
    [pathOf("metadata")]: checked({ timestamp: base64(String(firstTrust.metadata)), roles: [] }),
    [pathOf("record")]: record,
    [pathOf("recordCopy")]: record,
  };
}

function checked(saved: JsonObject): string {
  return `{"checksum":"${digest(canonicalJson(saved))}","saved":${canonicalJson(saved)}}\n`;
}

function pathOf(name: keyof typeof trustFileNames): string {
  return `${trustFolder}/${trustFileNames[name]}`;
}

const known = new WeakMap<DiskState, TrustOnDisk>();

/** What a helper would find; a file that is torn or gone counts as nothing, and as no floor. */
export function trustOn(disk: DiskState): TrustOnDisk {
  let found = known.get(disk);
  if (found === undefined) known.set(disk, (found = readTrust(disk)));
  return found;
}

function readTrust(disk: DiskState): TrustOnDisk {
  const saved = (name: keyof typeof trustFileNames): JsonObject => {
    try {
      const { saved: found } = JSON.parse(contentOf(disk, pathOf(name)) ?? "") as { saved: JsonObject };
      return found;
    } catch {
      return {};
    }
  };
  const floors = [saved("record"), saved("recordCopy")].map(({ floor }) => (typeof floor === "number" ? floor : 0));
  const { timestamp } = saved("metadata");
  const metadata = typeof timestamp === "string" ? Number(Buffer.from(timestamp, "base64").toString()) : 0;
  return { metadata, floor: Math.max(...floors) };
}

/** The epoch of a version: each has another. */
export function epochOf(version: string): number {
  return Number(version.split(".")[0]);
}

/** What the invariants know of the helper; part of the environment. */
export interface HelperObservations {
  /** What no power cut can take back any more. */
  readonly trust: TrustOnDisk;
  /** The version that was committed last. */
  readonly committed: string;
  /** The version that was installed to its end last. */
  readonly installed: string | null;
}

export const noHelperObservations: HelperObservations = { trust: firstTrust, committed: firstVersion, installed: null };
