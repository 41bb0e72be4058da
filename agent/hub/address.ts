import type { Checked } from "../contract/check.ts";

/** Where the hub is and which identity the agent uses there: read from a connection string. */
export interface HubAddress {
  /** For the SDK. A secret: never logged. */
  readonly connectionString: string;
  readonly hostName: string;
  /** The host to connect to: the gateway where there is one. Without a port. */
  readonly host: string;
  readonly deviceId: string;
  readonly moduleId: string | undefined;
  readonly webSocket: boolean;
  readonly webSocketPort: number;
  /** For MQTT without WebSockets. */
  readonly mqttPort: number;
}

/**
 * Reads `HostName=…;DeviceId=…[;ModuleId=…];SharedAccessKey=…[;GatewayHostName=…]`. The problems never quote the text.
 * @param webSocketPort for a hub that is not on 443; else a port in HostName is used, which is then removed for the SDK
 */
export function parseHubAddress(
  text: string,
  { webSocket, webSocketPort }: { readonly webSocket: boolean; readonly webSocketPort?: number | undefined },
): Checked<HubAddress> {
  const fields = new Map<string, string>();
  for (const part of text
    .trim()
    .split(";")
    .filter((one) => one.trim() !== "")) {
    const at = part.indexOf("=");
    if (at > 0) fields.set(part.slice(0, at).trim(), part.slice(at + 1).trim());
  }
  const missing = ["HostName", "DeviceId", "SharedAccessKey"].filter((name) => !fields.get(name));
  const [first, ...others] = missing.map(
    (name) => `connection string: ${name} is missing (expected HostName=…;DeviceId=…;SharedAccessKey=…)`,
  );
  if (first !== undefined) return { ok: false, problems: [first, ...others] };

  const hostName = fields.get("HostName") ?? "";
  const gateway = fields.get("GatewayHostName");
  const port = webSocketPort ?? portOf(gateway ?? hostName) ?? 443;
  if (webSocket) {
    for (const name of ["HostName", "GatewayHostName"]) {
      const host = fields.get(name);
      if (host !== undefined) fields.set(name, hostOf(host));
    }
  }
  const address = {
    connectionString: [...fields].map(([name, value]) => `${name}=${value}`).join(";"),
    hostName,
    host: hostOf(gateway ?? hostName),
    deviceId: fields.get("DeviceId") ?? "",
    moduleId: fields.get("ModuleId"),
    webSocket,
    webSocketPort: port,
    mqttPort: (webSocket ? undefined : portOf(gateway ?? hostName)) ?? 8883,
  };
  return { ok: true, value: address };
}

function hostOf(host: string): string {
  return host.replace(/:\d+$/, "");
}

function portOf(host: string): number | undefined {
  const port = /:(\d+)$/.exec(host)?.[1];
  return port === undefined ? undefined : Number(port);
}
