import type { JsonObject } from "../lib/json.ts";
import type { Target } from "../lib/target.ts";
import type { Section, Twin } from "../twins/twin.ts";
import type { Authentication } from "./authentication.ts";
import { identityEtag, twinEtag } from "./identity.ts";
import type { Activity, DeviceIdentity, ModuleIdentity } from "./identity.ts";

/** A device identity as REST returns it, key for key as recorded in azure-sdk-for-net, DevicesClient_IdentityLifecycle. */
export function deviceDocument(identity: DeviceIdentity, activity: Activity, connected: boolean): object {
  return {
    deviceId: identity.deviceId,
    generationId: identity.generationId,
    etag: identityEtag(identity.etagCounter),
    connectionState: connectionState(connected),
    status: identity.status,
    statusReason: identity.statusReason,
    connectionStateUpdatedTime: activity.connectionStateUpdatedTime,
    statusUpdatedTime: identity.statusUpdatedTime,
    lastActivityTime: activity.lastActivityTime,
    cloudToDeviceMessageCount: 0,
    authentication: identity.authentication,
    capabilities: { iotEdge: identity.iotEdge },
  };
}

/** A module identity, as recorded in ModulesClient_IdentityLifecycle: it has no status, but a managedBy. */
export function moduleDocument(identity: ModuleIdentity, activity: Activity, connected: boolean): object {
  return {
    moduleId: identity.moduleId,
    managedBy: identity.managedBy,
    deviceId: identity.deviceId,
    generationId: identity.generationId,
    etag: identityEtag(identity.etagCounter),
    connectionState: connectionState(connected),
    connectionStateUpdatedTime: activity.connectionStateUpdatedTime,
    lastActivityTime: activity.lastActivityTime,
    cloudToDeviceMessageCount: 0,
    authentication: identity.authentication,
  };
}

/** The fields of an identity that stand at the root of its twin. */
export interface TwinOwner {
  readonly target: Target;
  readonly etagCounter: number;
  readonly status: "enabled" | "disabled";
  readonly statusReason: string | null;
  readonly statusUpdatedTime: string;
  readonly authentication: Authentication;
  readonly iotEdge: boolean;
  readonly activity: Activity;
  readonly connected: boolean;
}

/**
 * The twin as the service reads it, keys in the real hub's order (azure-sdk-for-net, DevicesClient_DeviceTwinLifecycle and
 * ModulesClient_Query_GetTwins). Tags are omitted while there are none. A query returns the capabilities of modules too.
 */
export function twinDocument(owner: TwinOwner, twin: Twin, reader: "get" | "query"): JsonObject {
  const { target } = owner;
  return {
    deviceId: target.deviceId,
    ...(target.moduleId === undefined ? {} : { moduleId: target.moduleId }),
    etag: twinEtag(twin.etagCounter),
    deviceEtag: identityEtag(owner.etagCounter),
    status: owner.status,
    ...(owner.statusReason === null ? {} : { statusReason: owner.statusReason }),
    statusUpdateTime: owner.statusUpdatedTime,
    connectionState: connectionState(owner.connected),
    lastActivityTime: owner.activity.lastActivityTime,
    cloudToDeviceMessageCount: 0,
    authenticationType: owner.authentication.type,
    x509Thumbprint: { ...owner.authentication.x509Thumbprint },
    modelId: "",
    version: twin.version,
    ...(Object.keys(twin.tags).length === 0 ? {} : { tags: twin.tags }),
    properties: { desired: serviceView(twin.desired), reported: serviceView(twin.reported) },
    ...(target.moduleId === undefined || reader === "query" ? { capabilities: { iotEdge: owner.iotEdge } } : {}),
  };
}

function serviceView({ content, metadata, version }: Section): JsonObject {
  return { ...content, $metadata: metadata, $version: version };
}

function connectionState(connected: boolean): "Connected" | "Disconnected" {
  return connected ? "Connected" : "Disconnected";
}
