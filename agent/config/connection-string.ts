import type { Checked } from "../contract/check.ts";
import { parseHubAddress, type HubAddress } from "../hub/address.ts";

/* What a person may have pasted in the place of a board's connection string. */

/**
 * Checks a connection string whole, before a board is given it: more than the agent asks of one that it was given long
 * ago. The problems never repeat the text.
 */
export function validateConnectionString(text: string): Checked<HubAddress> {
  const trimmed = text.trim();
  if (trimmed === "") return refuse("nothing came; paste the whole connection string");
  if (/[\r\n]/.test(trimmed)) return refuse("more than one line came; paste the connection string alone");
  if (/SharedAccessKeyName\s*=/.test(trimmed)) {
    return refuse(
      "this is a connection string of the hub itself, which can do anything with every device: it must never lie on a board. Take the device's own (boardkeeper device show --keys)",
    );
  }
  if (/SharedAccessSignature\s*[= ]/.test(trimmed))
    return refuse("this is a signature, which expires; take the connection string with the device's SharedAccessKey");
  if (/x509\s*=\s*true/i.test(trimmed))
    return refuse(
      "this device authenticates with a certificate, which this release cannot; register it with a symmetric key",
    );
  const address = parseHubAddress(trimmed, { webSocket: false });
  if (!address.ok) return address;
  const [first, ...others] = flaws(trimmed, address.value);
  return first === undefined ? address : { ok: false, problems: [first, ...others] };
}

const hostForm = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?$/;
// learn.microsoft.com/azure/iot-hub/iot-hub-devguide-identity-registry#device-identity-properties
const idForm = /^[A-Za-z0-9\-.%_*?!(),:=@$'+#]{1,128}$/;

function flaws(text: string, { hostName, deviceId, moduleId }: HubAddress): string[] {
  const key = /(?:^|;)\s*SharedAccessKey\s*=\s*([^;]*)/.exec(text)?.[1]?.trim() ?? "";
  const gateway = /(?:^|;)\s*GatewayHostName\s*=\s*([^;]*)/.exec(text)?.[1]?.trim();
  const isKey = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(key);
  return [
    hostForm.test(hostName) ? "" : "HostName is not the name of a host, such as my-hub.azure-devices.net",
    gateway === undefined || hostForm.test(gateway) ? "" : "GatewayHostName is not the name of a host",
    idForm.test(deviceId) ? "" : "DeviceId has characters that no device id has",
    moduleId === undefined || idForm.test(moduleId) ? "" : "ModuleId has characters that no module id has",
    isKey ? "" : "SharedAccessKey is not whole: it is not base64",
  ]
    .filter((one) => one !== "")
    .map((one) => `connection string: ${one}`);
}

function refuse(why: string): { ok: false; problems: [string] } {
  return { ok: false, problems: [`connection string: ${why}`] };
}
