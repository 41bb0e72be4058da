import type { PolicyName } from "./policies.ts";
import type { Target } from "../registry/ids.ts";

/** `HostName=…;SharedAccessKeyName=…;SharedAccessKey=…` for the service's API. */
export function serviceConnectionString(host: string, policy: PolicyName, key: string): string {
  return `HostName=${host};SharedAccessKeyName=${policy};SharedAccessKey=${key}`;
}

/** `HostName=…;DeviceId=…[;ModuleId=…];SharedAccessKey=…` for a device or a module. */
export function deviceConnectionString(host: string, { deviceId, moduleId }: Target, key: string): string {
  const module = moduleId === undefined ? "" : `;ModuleId=${moduleId}`;
  return `HostName=${host};DeviceId=${deviceId}${module};SharedAccessKey=${key}`;
}
