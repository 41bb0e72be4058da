import type { HubContext } from "./hub-info.ts";
import type { HubAddress } from "../hub-client/hub-client.ts";

/** A service connection string, read. Secrets. */
export interface Login {
  readonly address: HubAddress;
  /** Without its port, which the SDK cannot have. */
  readonly host: string;
  readonly port: number;
  readonly keyName: string;
  readonly key: string;
  /** PEM of the authority that signed the hub's certificate; undefined for those that the system trusts. */
  readonly ca: string | undefined;
}

const wanted = "HostName=…;SharedAccessKeyName=…;SharedAccessKey=…";

/** Reads a service connection string. The problem never repeats the text: it holds a key. */
export function readLogin(connectionString: string):
  | { readonly ok: true; readonly value: Omit<Login, "address" | "ca"> & { readonly hostName: string } }
  | {
      readonly ok: false;
      readonly problem: string;
    } {
  const fields = new Map(
    connectionString
      .trim()
      .split(";")
      .map((part): [string, string] => {
        const at = part.indexOf("=");
        return [part.slice(0, Math.max(at, 0)).trim(), part.slice(at + 1).trim()];
      }),
  );
  if (fields.has("DeviceId")) {
    return { ok: false, problem: `it is a device's connection string; expected a service's: ${wanted}` };
  }
  const missing = ["HostName", "SharedAccessKeyName", "SharedAccessKey"].filter((name) => !fields.get(name));
  if (missing.length > 0) return { ok: false, problem: `${missing.join(", ")} is missing; expected ${wanted}` };
  const hostName = fields.get("HostName") ?? "";
  const [, host = hostName, port] = /^(.*?)(?::(\d+))?$/.exec(hostName) ?? [];
  return {
    ok: true,
    value: {
      hostName,
      host,
      port: port === undefined ? 443 : Number(port),
      keyName: fields.get("SharedAccessKeyName") ?? "",
      key: fields.get("SharedAccessKey") ?? "",
    },
  };
}

const loopback = new Set(["localhost", "127.0.0.1", "::1", "[::1]"]);

/** Where a hub is, and what devices of it are told: those of a local hub find its MQTT port in their connection string. */
export function addressOf(
  { hostName, host }: { readonly hostName: string; readonly host: string },
  context: Pick<HubContext, "mqttPort"> | undefined,
): HubAddress {
  return {
    hostName,
    isLocal: loopback.has(host),
    isOurs: context !== undefined,
    deviceHostName: context === undefined ? host : `${host}:${context.mqttPort}`,
  };
}
