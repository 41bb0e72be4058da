import type { Authentication } from "./authentication.ts";
import { identityEtag } from "./etag.ts";

export interface DeviceIdentity {
  readonly deviceId: string;
  readonly generationId: string;
  readonly etagCounter: number;
  readonly status: "enabled" | "disabled";
  readonly statusReason: string | null;
  readonly statusUpdatedTime: string;
  readonly authentication: Authentication;
  readonly iotEdge: boolean;
}

export interface ModuleIdentity {
  readonly deviceId: string;
  readonly moduleId: string;
  readonly managedBy: string | null;
  readonly generationId: string;
  readonly etagCounter: number;
  readonly authentication: Authentication;
}

/** What is known of an identity's life on the wire. */
export interface Activity {
  readonly connectionStateUpdatedTime: string;
  readonly lastActivityTime: string;
}

/** The identity as the registry answers it, key for key as recorded in azure-sdk-for-net, DevicesClient_IdentityLifecycle. */
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

/** The same for a module, as recorded in ModulesClient_IdentityLifecycle: no status, but a managedBy. */
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

export function connectionState(connected: boolean): "Connected" | "Disconnected" {
  return connected ? "Connected" : "Disconnected";
}

/** .NET ticks, as the hub's generation ids are; `below` (0..9999) stands in for what a millisecond does not hold. */
export function generationIdAt(ms: number, below: number): string {
  return String((BigInt(ms) + 62_135_596_800_000n) * 10_000n + BigInt(below));
}
