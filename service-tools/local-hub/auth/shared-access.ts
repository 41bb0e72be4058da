import { randomBytes } from "node:crypto";
import type { Target } from "../lib/target.ts";

/**
 * What a shared access policy may allow (iot-hub-dev-guide-sas, "Access control and permissions"). "Faults" is the local
 * hub's own: to add and end its faults.
 */
export type Permission = "RegistryRead" | "RegistryWrite" | "ServiceConnect" | "DeviceConnect" | "Faults";

export type PolicyName = "iothubowner" | "service" | "device" | "registryRead" | "registryReadWrite";

/** The policies of a new hub, with their permissions. */
const permissionsOf: Record<PolicyName, readonly Permission[]> = {
  iothubowner: ["RegistryRead", "RegistryWrite", "ServiceConnect", "DeviceConnect", "Faults"],
  service: ["ServiceConnect"],
  device: ["DeviceConnect"],
  registryRead: ["RegistryRead"],
  registryReadWrite: ["RegistryRead", "RegistryWrite"],
};

export interface PolicyKeys {
  readonly primaryKey: string;
  readonly secondaryKey: string;
}

export type Policies = Readonly<Record<PolicyName, PolicyKeys>>;

export function isPolicyName(text: string): text is PolicyName {
  return Object.hasOwn(permissionsOf, text);
}

export function hasPermission(policy: PolicyName, permission: Permission): boolean {
  return permissionsOf[policy].includes(permission);
}

/** A key as IoT Hub makes them: 256 random bits, in base64. */
export function newKey(): string {
  return randomBytes(32).toString("base64");
}

/** `HostName=…;SharedAccessKeyName=…;SharedAccessKey=…` for the service API. */
export function serviceConnectionString(host: string, policy: PolicyName, key: string): string {
  return `HostName=${host};SharedAccessKeyName=${policy};SharedAccessKey=${key}`;
}

/** `HostName=…;DeviceId=…[;ModuleId=…];SharedAccessKey=…` for a device or a module. */
export function deviceConnectionString(host: string, { deviceId, moduleId }: Target, key: string): string {
  const module = moduleId === undefined ? "" : `;ModuleId=${moduleId}`;
  return `HostName=${host};DeviceId=${deviceId}${module};SharedAccessKey=${key}`;
}
