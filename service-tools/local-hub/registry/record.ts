import * as v from "valibot";
import type { Authentication } from "./authentication.ts";
import type { Activity, DeviceIdentity, ModuleIdentity } from "./identity.ts";
import { isJsonObject } from "../lib/json.ts";
import type { JsonObject } from "../lib/json.ts";
import type { Twin } from "../twins/twin.ts";

/** A device or a module: its identity, its twin, and when it was last active. */
export interface IdentityRecord<I> {
  readonly identity: I;
  readonly twin: Twin;
  readonly activity: Activity;
}

/** Everything that the hub stores of one device, in one file. */
export interface DeviceRecord extends IdentityRecord<DeviceIdentity> {
  readonly modules: ReadonlyMap<string, IdentityRecord<ModuleIdentity>>;
}

const RECORD_VERSION = 1;

// Not v.record: it drops keys like "constructor", which a twin may have.
const jsonObject = v.custom<JsonObject>(isJsonObject, "expected a JSON object");
const text = v.nullable(v.string());
const authentication: v.GenericSchema<unknown, Authentication> = v.object({
  symmetricKey: v.object({ primaryKey: text, secondaryKey: text }),
  x509Thumbprint: v.object({ primaryThumbprint: text, secondaryThumbprint: text }),
  type: v.picklist(["sas", "selfSigned", "certificateAuthority"]),
});
const section = v.object({ content: jsonObject, metadata: jsonObject, version: v.number() });
const twinAndActivity = {
  twin: v.object({
    tags: jsonObject,
    desired: section,
    reported: section,
    version: v.number(),
    etagCounter: v.number(),
  }),
  activity: v.object({ connectionStateUpdatedTime: v.string(), lastActivityTime: v.string() }),
};
const moduleRecord = v.object({
  identity: v.object({
    deviceId: v.string(),
    moduleId: v.string(),
    managedBy: text,
    generationId: v.string(),
    etagCounter: v.number(),
    authentication,
  }),
  ...twinAndActivity,
});

export const recordSchema = v.pipe(
  v.object({
    version: v.literal(RECORD_VERSION),
    identity: v.object({
      deviceId: v.string(),
      generationId: v.string(),
      etagCounter: v.number(),
      status: v.picklist(["enabled", "disabled"]),
      statusReason: text,
      statusUpdatedTime: v.string(),
      authentication,
      iotEdge: v.boolean(),
    }),
    ...twinAndActivity,
    modules: v.array(moduleRecord),
  }),
  v.transform(({ identity, twin, activity, modules }): DeviceRecord => ({
    identity,
    twin,
    activity,
    modules: new Map(modules.map((one) => [one.identity.moduleId, one])),
  })),
);

export function renderRecord({ identity, twin, activity, modules }: DeviceRecord): string {
  return `${JSON.stringify({ version: RECORD_VERSION, identity, twin, activity, modules: [...modules.values()] })}\n`;
}
