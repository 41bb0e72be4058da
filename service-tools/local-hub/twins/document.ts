import type { Authentication } from "../registry/authentication.ts";
import { identityEtag, twinEtag } from "../registry/etag.ts";
import type { Target } from "../registry/ids.ts";
import { connectionState } from "../registry/identity.ts";
import type { Activity } from "../registry/identity.ts";
import type { JsonObject } from "../lib/json.ts";
import type { Section, Twin } from "./twin.ts";

/** What the root of a twin says of its identity. */
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
 * ModulesClient_Query_GetTwins). Tags appear once there are any. A query names the capabilities of modules too.
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

/** The twin as the device reads it: no tags, no metadata (iot-mqtt-connect-to-iot-hub, "Retrieving a device twin's properties"). */
export function deviceView({ desired, reported }: Twin): JsonObject {
  return {
    desired: { ...desired.content, $version: desired.version },
    reported: { ...reported.content, $version: reported.version },
  };
}

function serviceView({ content, metadata, version }: Section): JsonObject {
  return { ...content, $metadata: metadata, $version: version };
}
