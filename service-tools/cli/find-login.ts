import { readFile } from "node:fs/promises";
import { readHubContext, type HubContext } from "./hub-info.ts";
import { NotLoggedIn, UsageError } from "./errors.ts";
import { defaultHubFolder } from "./xdg.ts";
import { addressOf, readLogin, type Login } from "./login.ts";

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
  const context = await readHubContext(defaultHubFolder(env));
  const given = login ?? (env["IOTHUB_CONNECTION_STRING"] || undefined);
  const place = login === undefined ? "IOTHUB_CONNECTION_STRING" : "--login";
  const text = given ?? context?.connectionString;
  if (text === undefined) {
    throw new NotLoggedIn("There is no hub to speak to: no login was given, and no local hub has been started.", {
      advice:
        "Start a local hub with: boardkeeper hub start\n" +
        "or log in to Azure IoT Hub with --login, or with:\n" +
        'export IOTHUB_CONNECTION_STRING="HostName=…;SharedAccessKeyName=…;SharedAccessKey=…"',
    });
  }
  const read = readLogin(text);
  if (!read.ok) throw new UsageError(`${place}: the connection string cannot be used: ${read.problem}.`);
  const { hostName, host, port, keyName, key } = read.value;
  const own = context !== undefined && isSameHub(context, hostName) ? context : undefined;
  const ca = await readCa(caFile ?? own?.caFile);
  return { address: addressOf({ hostName, host }, own), host, port, keyName, key, ca };
}

/** A login may name the local hub by another policy than its context file does. */
function isSameHub({ connectionString }: HubContext, hostName: string): boolean {
  const own = readLogin(connectionString);
  return own.ok && own.value.hostName === hostName;
}

async function readCa(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    const pem = await readFile(path, "utf8");
    if (pem.includes("-----BEGIN CERTIFICATE-----")) return pem;
  } catch (cause) {
    throw new UsageError(`--ca-file: ${path} cannot be read: ${messageOf(cause)}.`, { cause });
  }
  throw new UsageError(`--ca-file: expected certificates in PEM, got something else in ${path}.`);
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
