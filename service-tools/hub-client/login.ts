import { type HubInfo, readHubInfo, defaultHubFolder } from "./hub-info.ts";
import type { HubAddress } from "./hub-client.ts";
import { describeError } from "../local-hub/lib/log.ts";
import { readFile } from "node:fs/promises";
import { NotLoggedIn, UsageError } from "../cli/errors.ts";

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

const expectedFormat = "HostName=…;SharedAccessKeyName=…;SharedAccessKey=…";

/** Reads a service connection string. The problem never repeats the text: it holds a key. */
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

/** Where a hub is, and what devices of it are told: those of a local hub find its MQTT port in their connection string. */
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

/** What a command line says about the hub. */
export interface LoginOptions {
  readonly login?: string | undefined;
  readonly caFile?: string | undefined;
}

/**
 * The hub to speak to: named by `--login`, else by IOTHUB_CONNECTION_STRING, else the local one of this user.
 * @throws NotLoggedIn where there is none of them; UsageError for a connection string or a file that cannot be read
 */
export async function findLogin(
  env: Readonly<Record<string, string | undefined>>,
  { login, caFile }: LoginOptions,
): Promise<Login> {
  const hubInfo = await readHubInfo(defaultHubFolder(env));
  const given = login ?? (env["IOTHUB_CONNECTION_STRING"] || undefined);
  const place = login === undefined ? "IOTHUB_CONNECTION_STRING" : "--login";
  const text = given ?? hubInfo?.connectionString;
  if (text === undefined) {
    throw new NotLoggedIn("There is no hub to speak to: no login was given, and no local hub has been started.", {
      advice:
        "Start a local hub with: boardkeeper hub start\n" +
        "or log in to Azure IoT Hub with --login, or with:\n" +
        'export IOTHUB_CONNECTION_STRING="HostName=…;SharedAccessKeyName=…;SharedAccessKey=…"',
    });
  }
  const read = parseLogin(text);
  if (!read.ok) throw new UsageError(`${place}: the connection string cannot be used: ${read.problem}.`);
  const { hostName, host, port, keyName, key } = read.value;
  const own = hubInfo !== undefined && isSameHub(hubInfo, hostName) ? hubInfo : undefined;
  const ca = await readCa(caFile ?? own?.caFile);
  return { address: hubAddressOf({ hostName, host }, own), host, port, keyName, key, ca };
}

/** A login may name the local hub by another policy than its context file does. */
function isSameHub({ connectionString }: HubInfo, hostName: string): boolean {
  const own = parseLogin(connectionString);
  return own.ok && own.value.hostName === hostName;
}

async function readCa(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    const pem = await readFile(path, "utf8");
    if (pem.includes("-----BEGIN CERTIFICATE-----")) return pem;
  } catch (cause) {
    throw new UsageError(`--ca-file: ${path} cannot be read: ${describeError(cause)}.`, { cause });
  }
  throw new UsageError(`--ca-file: expected certificates in PEM, got something else in ${path}.`);
}
