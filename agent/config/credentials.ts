import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { isAbsent } from "../lib/errors.ts";
import { check } from "../contract/check.ts";
import { redact } from "../contract/safe-text.ts";
import { boardkeeperHome, deviceFileName } from "../lib/xdg.ts";
import { credentialFile } from "./paths.ts";
import type { Settings } from "./settings.ts";
import type { LaunchOptions } from "./launch-options.ts";
import { firstLine, listFolder } from "./sources.ts";

/** A connection string, and what was found beside it. */
export interface Credentials {
  readonly source: string;
  readonly connectionString: string;
  /** False for a local hub's file: a device that is not there any more was taken away, and not by a slip of the hand. */
  readonly mayBeCopied: boolean;
  readonly webSocketPort?: number | undefined;
  readonly caFile?: string | undefined;
}

/** What the unit has systemd pass on where the file with the connection string is missing (SetCredential=). */
const noCredential = "none";

/**
 * The connection string, from the first place that has one: environment, systemd credential, file, where provision leaves it,
 * or a local hub's file.
 * @param lacking what to say when no place has one
 */
export async function findConnectionString(
  launch: LaunchOptions,
  settings: Settings,
  problems: string[],
  lacking: string[],
): Promise<Credentials | undefined> {
  const { env, simulate } = launch;
  const variable = env["IOTHUB_DEVICE_CONNECTION_STRING"];
  if (variable) return { source: "IOTHUB_DEVICE_CONNECTION_STRING", connectionString: variable, mayBeCopied: true };
  const credentials = env["CREDENTIALS_DIRECTORY"];
  let rootHasNone = false;
  const files = [
    { path: credentials && join(credentials, "connection-string"), name: "systemd credential", guarded: false },
    { path: settings.connectionStringFile, name: "hub.connection-string-file", guarded: true },
    // Where systemd takes the credential from. A laptop's says nothing about a simulated board.
    {
      path: simulate ? null : (launch.credentialFile ?? credentialFile),
      name: "provisioned credential",
      guarded: true,
    },
  ];
  for (const { path, name, guarded } of files) {
    // systemd has looked there already, as root; this user would only be told that it may not look.
    if (!path || (rootHasNone && name === "provisioned credential")) continue;
    try {
      if (guarded) await refuseReadableByOthers(name, path, problems);
      const connectionString = await readFile(path, "utf8");
      if (name === "systemd credential" && connectionString.trim() === noCredential) rootHasNone = true;
      else return { source: path, connectionString, mayBeCopied: true };
    } catch (cause) {
      if (name !== "hub.connection-string-file" && isAbsent(cause)) continue;
      problems.push(`${name}: ${firstLine(cause)}`);
      return undefined;
    }
  }
  if (simulate) return await findDeviceFile(launch, lacking);
  lacking.push(
    "connection string: there is none. Give it with boardkeeper-agent provision, as the systemd credential connection-string, in a file named by hub.connection-string-file, or in IOTHUB_DEVICE_CONNECTION_STRING",
  );
  return undefined;
}

async function refuseReadableByOthers(name: string, path: string, problems: string[]): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0) problems.push(`${name}: ${path} can be read by others; run chmod 600 ${path}`);
}

const deviceFile = v.object({
  version: v.literal(1),
  connectionString: v.string(),
  webSocketPort: v.number(),
  caFile: v.string(),
});

/** The file that a local hub wrote for a device: simulated boards find it by themselves. */
async function findDeviceFile(
  { env, deviceId, moduleId }: LaunchOptions,
  problems: string[],
): Promise<Credentials | undefined> {
  const folder = join(boardkeeperHome(env), "hub", "devices");
  const names = (await listFolder(folder, problems)).filter((name) => name.endsWith(".json"));
  const devices = names
    .filter((name) => !name.includes("~"))
    .flatMap((name) => idIn(name.slice(0, -".json".length)) ?? []);
  const [only] = devices;
  const id = deviceId ?? (devices.length === 1 ? only : undefined);
  if (id === undefined) {
    problems.push(
      devices.length === 0
        ? `device: there is none in ${folder}. Start a hub with "boardkeeper hub start", then add one with "boardkeeper device add"`
        : `device: there are several (${devices.join(", ")}); choose one with --device-id`,
    );
    return undefined;
  }
  const path = join(folder, `${deviceFileName(id, moduleId)}.json`);
  try {
    const file = check(deviceFile, JSON.parse(await readFile(path, "utf8")));
    if (file.ok) return { source: path, ...file.value, mayBeCopied: false };
    problems.push(...file.problems.map((one) => `${path}: ${one}`));
  } catch (cause) {
    const why = isAbsent(cause) ? `there is none in ${folder}` : firstLine(cause);
    const named = redact(id);
    problems.push(`device ${named}: ${redact(why)}. Add it with "boardkeeper device add -d ${named}"`);
  }
  return undefined;
}

/** The device that a file is named after; undefined for a file that no local hub has written. */
function idIn(fileName: string): string | undefined {
  try {
    return decodeURIComponent(fileName);
  } catch {
    return undefined;
  }
}
