import { type HubInfo, readHubInfo, defaultHubFolder } from "./hub-info.ts";
import type { HubAddress } from "./hub-client.ts";
import { describeError } from "../local-hub/lib/log.ts";
import { readRegularFile } from "../local-hub/storage/regular-file.ts";
import { NotLoggedIn, UsageError } from "../cli/errors.ts";

/** A parsed service connection string. Holds secrets. */
export interface Login {
  readonly address: HubAddress;
  /** Without the port: the SDK accepts none. */
  readonly host: string;
  readonly port: number;
  readonly keyName: string;
  readonly key: string;
  /** PEM of the CA that signed the hub's certificate; undefined for the CAs that Node trusts. */
  readonly ca: string | undefined;
}

const expectedFormat = "HostName=…;SharedAccessKeyName=…;SharedAccessKey=…";

/** Parses a service connection string. `problem` does not repeat the text, because it holds a key. */
export function parseLogin(connectionString: string):
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
    return { ok: false, problem: `it is a device's connection string; expected a service's: ${expectedFormat}` };
  }
  const missing = ["HostName", "SharedAccessKeyName", "SharedAccessKey"].filter((name) => !fields.get(name));
  if (missing.length > 0) return { ok: false, problem: `${missing.join(", ")} is missing; expected ${expectedFormat}` };
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

/** How to reach a hub. The connection strings of the local hub's devices include its MQTT port. */
export function hubAddressOf(
  { hostName, host }: { readonly hostName: string; readonly host: string },
  hubInfo: Pick<HubInfo, "mqttPort"> | undefined,
): HubAddress {
  return {
    hostName,
    isLocal: loopback.has(host),
    isOwnLocalHub: hubInfo !== undefined,
    deviceHostName: hubInfo === undefined ? host : `${host}:${hubInfo.mqttPort}`,
  };
}

/** The options of a command line that name the hub. */
export interface LoginOptions {
  readonly login?: string | undefined;
  readonly caFile?: string | undefined;
}

/**
 * The hub to use: `--login`, else IOTHUB_CONNECTION_STRING, else this user's local hub.
 * @throws NotLoggedIn when there is none of them; UsageError for an invalid connection string or unreadable file
 */
export async function findLogin(
  env: Readonly<Record<string, string | undefined>>,
  { login, caFile }: LoginOptions,
): Promise<Login> {
  const hubInfo = await readHubInfo(defaultHubFolder(env));
  const given = login ?? (env["IOTHUB_CONNECTION_STRING"] || undefined);
  const source = login === undefined ? "IOTHUB_CONNECTION_STRING" : "--login";
  const text = given ?? hubInfo?.connectionString;
  if (text === undefined) {
    throw new NotLoggedIn("No hub: no login was given, and no local hub was ever started.", {
      advice:
        "Start a local hub with: boardkeeper hub start\n" +
        "or log in to Azure IoT Hub with --login, or with:\n" +
        'export IOTHUB_CONNECTION_STRING="HostName=…;SharedAccessKeyName=…;SharedAccessKey=…"',
    });
  }
  const read = parseLogin(text);
  if (!read.ok) throw new UsageError(`${source}: invalid connection string: ${read.problem}.`);
  const { hostName, host, port, keyName, key } = read.value;
  const own = hubInfo !== undefined && isSameHub(hubInfo, hostName) ? hubInfo : undefined;
  const ca = await readCa(caFile ?? own?.caFile);
  return { address: hubAddressOf({ hostName, host }, own), host, port, keyName, key, ca };
}

/** The login may be for the local hub, but with another policy than its context file. */
function isSameHub({ connectionString }: HubInfo, hostName: string): boolean {
  const own = parseLogin(connectionString);
  return own.ok && own.value.hostName === hostName;
}

async function readCa(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    const pem = await readRegularFile(path);
    if (pem.includes("-----BEGIN CERTIFICATE-----")) return pem;
  } catch (cause) {
    throw new UsageError(`--ca-file: ${path} cannot be read: ${describeError(cause)}.`, { cause });
  }
  throw new UsageError(`--ca-file: ${path} is not a PEM file of certificates.`);
}
