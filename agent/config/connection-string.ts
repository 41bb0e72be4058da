import type { Checked } from "../contract/check.ts";
import { parseHubAddress, type HubAddress } from "../hub/address.ts";

/* Checks what was pasted as a board's connection string. */

/**
 * Checks a connection string before it is stored on a board: more strictly than the agent checks one at its start. The
 * problems never repeat the text.
 */
export function validateConnectionString(text: string): Checked<HubAddress> {
  const trimmed = text.trim();
  if (trimmed === "") return refuse("it is empty; paste the whole connection string");
  if (/[\r\n]/.test(trimmed)) return refuse("it has more than one line; paste the connection string alone");
  if (/SharedAccessKeyName\s*=/.test(trimmed)) {
    return refuse(
      "this is a connection string of the hub itself, which gives access to every device: it must never be stored on a board. Use the device's own (boardkeeper device show --keys)",
    );
  }
  if (/SharedAccessSignature\s*[= ]/.test(trimmed))
    return refuse("this is a signature, which expires; use the connection string with the device's SharedAccessKey");
  if (/x509\s*=\s*true/i.test(trimmed))
    return refuse(
      "this device authenticates with a certificate, which this release does not support; register it with a symmetric key",
    );
  const address = parseHubAddress(trimmed, { webSocket: false });
  if (!address.ok) return address;
  const [first, ...others] = mistakesIn(trimmed, address.value);
  return first === undefined ? address : { ok: false, problems: [first, ...others] };
}

const hostForm = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?$/;
// learn.microsoft.com/azure/iot-hub/iot-hub-devguide-identity-registry#device-identity-properties
const idForm = /^[A-Za-z0-9\-.%_*?!(),:=@$'+#]{1,128}$/;

function mistakesIn(text: string, { hostName, deviceId, moduleId }: HubAddress): string[] {
  const key = /(?:^|;)\s*SharedAccessKey\s*=\s*([^;]*)/.exec(text)?.[1]?.trim() ?? "";
  const gateway = /(?:^|;)\s*GatewayHostName\s*=\s*([^;]*)/.exec(text)?.[1]?.trim();
  const isKey = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(key);
  return [
    hostForm.test(hostName) ? "" : "HostName is not a host name, such as my-hub.azure-devices.net",
    gateway === undefined || hostForm.test(gateway) ? "" : "GatewayHostName is not a host name",
    idForm.test(deviceId) ? "" : "DeviceId has characters that a device id cannot have",
    moduleId === undefined || idForm.test(moduleId) ? "" : "ModuleId has characters that a module id cannot have",
    isKey ? "" : "SharedAccessKey is not base64: it may be cut off",
  ]
    .filter((one) => one !== "")
    .map((one) => `connection string: ${one}`);
}

function refuse(why: string): { ok: false; problems: [string] } {
  return { ok: false, problems: [`connection string: ${why}`] };
}
