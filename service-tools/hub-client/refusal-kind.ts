import type { RefusalBody } from "./refusal-body.ts";

/** What an error answer of a hub is about: one kind for each remedy. */
type RefusalKind = "offline" | "gone" | "silent" | "unknown" | "exists" | "busy" | "forbidden" | "refused";

/** The codes that say more than their status; the words are those of the registry's answers, which have no number. */
const kinds: readonly (readonly [RefusalKind, readonly (number | string)[]])[] = [
  ["offline", [404_103, "DeviceNotOnline"]],
  ["gone", [404_104, "DeviceConnectionClosedRemotely"]],
  ["unknown", [404_001, 404_010, "DeviceNotFound", "ModuleNotFound"]],
  ["exists", [409_001, 409_301, "DeviceAlreadyExists", "ModuleAlreadyExistsOnDevice"]],
  ["busy", [403_002, "IotHubQuotaExceeded"]],
];

/** Source: https://learn.microsoft.com/azure/iot-hub/troubleshoot-error-codes */
export function refusalKind(status: number, { code, name }: RefusalBody): RefusalKind {
  const known = kinds.find(([, names]) => names.some((one) => one === code || one === name));
  if (known !== undefined) return known[0];
  if (status === 504) return "silent";
  if (status === 429 || status >= 500) return "busy";
  return status === 401 || status === 403 ? "forbidden" : "refused";
}
