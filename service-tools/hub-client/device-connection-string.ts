import type { HubAddress, Identity } from "./hub-client.ts";

/** What a device or module connects with. A secret. Undefined for an identity without a key: it shows a certificate. */
export function deviceConnectionString(
  { deviceHostName }: HubAddress,
  { deviceId, moduleId, primaryKey }: Identity,
): string | undefined {
  if (primaryKey === null) return undefined;
  const module = moduleId === undefined ? "" : `;ModuleId=${moduleId}`;
  return `HostName=${deviceHostName};DeviceId=${deviceId}${module};SharedAccessKey=${primaryKey}`;
}
