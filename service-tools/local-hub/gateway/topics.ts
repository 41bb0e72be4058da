import type { Target } from "../lib/target.ts";
import { parsePropertyBag } from "../telemetry/message-properties.ts";
import type { MessageProperties } from "../telemetry/message-properties.ts";

/**
 * The topics of IoT Hub (iot-mqtt-connect-to-iot-hub). They do not hold the device id: the connection tells which device
 * publishes.
 */
const METHODS_FILTER = "$iothub/methods/POST/#";
export const DESIRED_FILTER = "$iothub/twin/PATCH/properties/desired/#";
export const TWIN_RESPONSES_FILTER = "$iothub/twin/res/#";

/** The meaning of a device's PUBLISH. */
export type DeviceMessage =
  | { readonly kind: "telemetry"; readonly properties: MessageProperties }
  | { readonly kind: "getTwin"; readonly requestId: string }
  | { readonly kind: "patchReported"; readonly requestId: string; readonly baseVersion?: number }
  | { readonly kind: "methodResponse"; readonly requestId: string; readonly status: number };

/** The meaning of a PUBLISH on this topic, or undefined when the publisher may not use the topic. */
export function parseTopic(topic: string, publisher: Target): DeviceMessage | undefined {
  if (topic.startsWith("$iothub/")) return parseHubTopic(topic);
  const prefix = `${ownPrefix(publisher)}/messages/events`;
  if (topic !== prefix && !topic.startsWith(`${prefix}/`)) return undefined;
  // The SDK ends the property bag of a module's output with a slash (mqtt.js, sendEvent).
  const properties = parsePropertyBag(topic.slice(prefix.length + 1).replace(/\/$/, ""));
  return properties === undefined ? undefined : { kind: "telemetry", properties };
}

/** True when this device or module may subscribe to the filter. */
export function maySubscribe(filter: string, subscriber: Target): boolean {
  if ([METHODS_FILTER, DESIRED_FILTER, TWIN_RESPONSES_FILTER].includes(filter)) return true;
  if (/^\$iothub\/methods\/POST\/[^/#+]+\/#$/.test(filter)) return true;
  const own = ownPrefix(subscriber);
  return subscriber.moduleId === undefined
    ? filter === `${own}/messages/devicebound/#`
    : filter === `${own}/#` || filter === `${own}/inputs/#`;
}

/** True when a subscription to this filter receives calls of that method. */
export function receivesMethod(filter: string, method: string): boolean {
  return filter === METHODS_FILTER || filter === `$iothub/methods/POST/${method}/#`;
}

export function methodTopic(method: string, requestId: string): string {
  return `$iothub/methods/POST/${method}/?$rid=${requestId}`;
}

export function twinResponseTopic(status: number, requestId: string, version?: number): string {
  return `$iothub/twin/res/${status}/?$rid=${requestId}${version === undefined ? "" : `&$version=${version}`}`;
}

export function desiredTopic(version: number): string {
  return `$iothub/twin/PATCH/properties/desired/?$version=${version}`;
}

function ownPrefix({ deviceId, moduleId }: Target): string {
  return moduleId === undefined ? `devices/${deviceId}` : `devices/${deviceId}/modules/${moduleId}`;
}

function parseHubTopic(topic: string): DeviceMessage | undefined {
  const match = /^(?<path>[^?]*)\?(?<query>.*)$/.exec(topic);
  const path = match?.groups?.["path"] ?? "";
  const query = parsePropertyBag(match?.groups?.["query"] ?? "")?.application ?? {};
  const requestId = query["$rid"];
  if (typeof requestId !== "string" || requestId === "") return undefined;
  if (path === "$iothub/twin/GET/") return { kind: "getTwin", requestId };
  if (path === "$iothub/twin/PATCH/properties/reported/") return parseReportedPatch(requestId, query["$version"]);
  const status = /^\$iothub\/methods\/res\/(?<status>-?\d{1,9})\/$/.exec(path)?.groups?.["status"];
  return status === undefined ? undefined : { kind: "methodResponse", requestId, status: Number(status) };
}

/** A reported patch may name the `$version` that it is based on (mqtt_twin_client.js, its comment on the topic). */
function parseReportedPatch(requestId: string, version: string | null | undefined): DeviceMessage | undefined {
  if (version === undefined) return { kind: "patchReported", requestId };
  if (version === null || !/^\d{1,15}$/.test(version)) return undefined;
  return { kind: "patchReported", requestId, baseVersion: Number(version) };
}
