import { join } from "node:path";
import * as v from "valibot";
import type { Policies, PolicyKeys } from "../auth/policies.ts";
import { newKey } from "../registry/registry.ts";
import { writeAtomically } from "./atomic-file.ts";
import { readStateFile } from "./read-state.ts";

export interface HubPorts {
  readonly mqtt: number;
  readonly https: number;
  readonly images: number;
}

const SETTINGS_VERSION = 1;
/** 0 is a port that is still to be found: so far the hub was started with the standard ports only. */
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

/** The ports of the last start. A SAS token's audience may name the port, so a hub that comes back on others is another hub. */
export async function readPorts(folder: string): Promise<HubPorts | undefined> {
  const kept = await readStateFile(portsFile(folder), portsSchema);
  return kept === undefined ? undefined : { mqtt: kept.mqtt, https: kept.https, images: kept.images };
}

export async function savePorts(folder: string, ports: HubPorts): Promise<void> {
  await writeAtomically(portsFile(folder), `${JSON.stringify({ version: SETTINGS_VERSION, ...ports })}\n`);
}

/** The keys of the shared access policies, made on the first start. */
export async function loadPolicies(folder: string): Promise<Policies> {
  const file = join(folder, "policies.json");
  const kept = await readStateFile(file, policiesSchema);
  if (kept !== undefined) return kept.policies;
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
