/** The parsed body of an error response of IoT Hub. */
export interface ErrorResponse {
  /** The number, such as 404103; undefined if absent. */
  readonly code: number | undefined;
  /** The name, such as `DeviceNotFound`; undefined if absent. */
  readonly name: string | undefined;
  readonly message: string;
}

/**
 * Parses the three forms of IoT Hub's errors: `{"Message":"ErrorCode:DeviceNotFound;…"}` of the registry,
 * `{"Message":"{\"errorCode\":404103,…}"}` of methods, and `{"errorCode":404010,"message":…}` of module identities.
 */
export function parseErrorResponse(body: string): ErrorResponse {
  const outer = parse(body);
  const text = textOf(outer, "Message") ?? textOf(outer, "message");
  const inner = text === undefined ? undefined : parse(text);
  const source = numberOf(inner, "errorCode") === undefined ? outer : inner;
  const classic = /^ErrorCode:(?<name>\w+);(?<message>[^]*)$/.exec(text ?? "")?.groups;
  return {
    code: numberOf(source, "errorCode"),
    name: classic?.["name"],
    message: classic?.["message"] ?? textOf(source, "message") ?? text ?? body.slice(0, 300),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function numberOf(value: unknown, key: string): number | undefined {
  const found = memberOf(value, key);
  return typeof found === "number" ? found : undefined;
}

function textOf(value: unknown, key: string): string | undefined {
  const found = memberOf(value, key);
  return typeof found === "string" ? found : undefined;
}

function memberOf(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([name]) => name === key)?.[1];
}

/** One kind per remedy. */
type ErrorKind =
  | "offline"
  | "gone"
  | "silent"
  | "unknown"
  | "exists"
  | "busy"
  | "quota"
  | "suspended"
  | "failing-over"
  | "too-large"
  | "tier"
  | "disabled"
  | "forbidden"
  | "refused";

/** Error codes that say more than the HTTP status. The registry sends names instead of numbers. */
const kinds: readonly (readonly [ErrorKind, readonly (number | string)[]])[] = [
  ["offline", [404_103, "DeviceNotOnline"]],
  ["gone", [404_104, "DeviceConnectionClosedRemotely"]],
  ["unknown", [404_001, 404_010, "DeviceNotFound", "ModuleNotFound"]],
  ["exists", [409_001, 409_301, "DeviceAlreadyExists", "ModuleAlreadyExistsOnDevice"]],
  ["quota", [403_002, "IotHubQuotaExceeded"]],
  ["suspended", [403_001, "IotHubSuspended"]],
  ["failing-over", [404_012, "IotHubFailingOver"]],
  ["tier", [403_010, "OperationNotAvailableInCurrentTier"]],
  ["disabled", [403_012, "DeviceDisabled"]],
  ["busy", [403_800, "DeviceMaximumInflightMethodExceeded"]], // Too many method calls at once.
  ["too-large", [403_100, "DeviceModelMaxPropertiesExceeded"]],
];

/** From the error code, else the HTTP status. Source: https://learn.microsoft.com/azure/iot-hub/troubleshoot-error-codes */
export function classifyErrorResponse(status: number, { code, name }: ErrorResponse): ErrorKind {
  const known = kinds.find(([, names]) => names.some((one) => one === code || one === name));
  if (known !== undefined) return known[0];
  if (status === 504) return "silent";
  if (status === 429 || status >= 500) return "busy";
  return status === 401 || status === 403 ? "forbidden" : "refused";
}
