import type { Target } from "../registry/ids.ts";

/** What an MQTT user name says: which hub, and who connects. */
export interface UserName {
  readonly hostName: string;
  readonly target: Target;
}

/**
 * Reads `{host}/{deviceId}[/{moduleId}]/?api-version=…&DeviceClientType=…` (iot-mqtt-connect-to-iot-hub; mqtt.js,
 * _getBaseTransportConfig), or undefined. Older clients leave the question mark out, or everything after the id.
 */
export function parseUserName(text: string): UserName | undefined {
  const query = text.indexOf("/?");
  const names = (query < 0 ? text : text.slice(0, query)).split("/");
  if (query < 0 && /^(api-version|DeviceClientType)=/.test(names.at(-1) ?? "")) names.pop();
  const [hostName, deviceId, moduleId, ...rest] = names;
  if (!hostName || !deviceId || moduleId === "" || rest.length > 0) return undefined;
  return { hostName, target: moduleId === undefined ? { deviceId } : { deviceId, moduleId } };
}
