import { join } from "node:path";
import * as v from "valibot";
import { newKey } from "../auth/shared-access.ts";
import type { Policies, PolicyKeys } from "../auth/shared-access.ts";
import { writeAtomically } from "./atomic-file.ts";
import { readStateFile } from "./read-state.ts";

export interface HubPorts {
  readonly mqtt: number;
  readonly https: number;
  readonly images: number;
}

const SETTINGS_VERSION = 1;
/** 0: not chosen yet, because the hub was only ever started with the standard ports. */
const port = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535));
const portsSchema = v.object({ version: v.literal(SETTINGS_VERSION), mqtt: port, https: port, images: port });
const keys = v.object({ primaryKey: v.string(), secondaryKey: v.string() });
const policiesSchema = v.object({
  version: v.literal(SETTINGS_VERSION),
  policies: v.object({
    iothubowner: keys,
    service: keys,
    device: keys,
    registryRead: keys,
    registryReadWrite: keys,
  }),
});

/** The ports of the last start. They must stay the same: the audience of a SAS token may name the port. */
export async function readPorts(folder: string): Promise<HubPorts | undefined> {
  const saved = await readStateFile(portsFile(folder), portsSchema);
  return saved === undefined ? undefined : { mqtt: saved.mqtt, https: saved.https, images: saved.images };
}

export async function savePorts(folder: string, ports: HubPorts): Promise<void> {
  await writeAtomically(portsFile(folder), `${JSON.stringify({ version: SETTINGS_VERSION, ...ports })}\n`);
}

/** The keys of the shared access policies, created at the first start. */
export async function loadPolicies(folder: string): Promise<Policies> {
  const file = join(folder, "policies.json");
  const saved = await readStateFile(file, policiesSchema);
  if (saved !== undefined) return saved.policies;
  const policies: Policies = {
    iothubowner: newKeys(),
    service: newKeys(),
    device: newKeys(),
    registryRead: newKeys(),
    registryReadWrite: newKeys(),
  };
  await writeAtomically(file, `${JSON.stringify({ version: SETTINGS_VERSION, policies })}\n`);
  return policies;
}

function newKeys(): PolicyKeys {
  return { primaryKey: newKey(), secondaryKey: newKey() };
}

function portsFile(folder: string): string {
  return join(folder, "ports.json");
}
