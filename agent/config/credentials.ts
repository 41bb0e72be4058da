import { stat } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { isAbsent } from "../lib/errors.ts";
import { describeFileError } from "../lib/file-errors.ts";
import { readRegularFile } from "../lib/regular-file.ts";
import { check } from "../contract/check.ts";
import { redact } from "../contract/safe-text.ts";
import { boardkeeperHome, deviceFileName } from "../lib/xdg.ts";
import { credentialFile, credentialName } from "./paths.ts";
import { connectionStringVariable } from "./service-credential.ts";
import type { Settings } from "./settings.ts";
import type { LaunchOptions } from "./launch-options.ts";
import { listFolder } from "./sources.ts";

/** A connection string, where it was found, and what a local hub's file says beside it. */
export interface Credentials {
  /** A path, or a variable's name. */
  readonly source: string;
  readonly connectionString: string;
  /** False for a local hub's file: where it is gone, somebody has removed the device on purpose. */
  readonly mayBeCopied: boolean;
  /** Whether it lies on the disk encrypted: then the file's mode does not matter. */
  readonly isEncrypted?: boolean;
  readonly webSocketPort?: number | undefined;
  readonly caFile?: string | undefined;
}

/** The content of the systemd credential where the file with the connection string is missing (SetCredential= in the unit). */
const noCredential = "none";

/**
 * The connection string from the first source that has one: environment, systemd credential, the file that a setting names, the
 * file of `provision`, or a local hub's file.
 * @param notFound gets the message where no source has one
 */
export async function findConnectionString(
  launch: LaunchOptions,
  settings: Settings,
  problems: string[],
  notFound: string[],
): Promise<Credentials | undefined> {
  const { env, simulate, serviceCredential } = launch;
  const variable = env[connectionStringVariable];
  if (variable) return { source: connectionStringVariable, connectionString: variable, mayBeCopied: true };
  if (serviceCredential?.problem !== undefined) {
    problems.push(serviceCredential.problem);
    return undefined;
  }
  const stored = serviceCredential?.stored;
  if (stored !== undefined && stored.connectionString.trim() !== noCredential) return { ...stored, mayBeCopied: true };
  const credentialFolder = env["CREDENTIALS_DIRECTORY"];
  let systemdFoundNone = serviceCredential !== undefined;
  const files = [
    {
      path: credentialFolder && join(credentialFolder, credentialName),
      name: "systemd credential",
      checkMode: false,
    },
    { path: settings.connectionStringFile, name: "hub.connection-string-file", checkMode: true },
    // The file behind the systemd credential. A simulated board does not use that of the machine.
    {
      path: simulate ? null : (launch.credentialFile ?? credentialFile),
      name: "provisioned credential",
      checkMode: true,
    },
  ];
  for (const { path, name, checkMode } of files) {
    // systemd has tried that file already, as root; this user may not read it.
    if (!path || (systemdFoundNone && name === "provisioned credential")) continue;
    try {
      if (checkMode) await refuseReadableByOthers(name, path, problems);
      const connectionString = await readRegularFile(path);
      if (name === "systemd credential" && connectionString.trim() === noCredential) systemdFoundNone = true;
      else return { source: path, connectionString, mayBeCopied: true };
    } catch (cause) {
      if (name !== "hub.connection-string-file" && isAbsent(cause)) continue;
      problems.push(`${name}: ${describeFileError(cause, path)}`);
      return undefined;
    }
  }
  if (simulate) return await findDeviceFile(launch, notFound);
  notFound.push(
    "connection string: there is none. Store it with boardkeeper-agent provision, as the systemd credential connection-string, in a file named by hub.connection-string-file, or in IOTHUB_DEVICE_CONNECTION_STRING",
  );
  return undefined;
}

async function refuseReadableByOthers(name: string, path: string, problems: string[]): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0) problems.push(`${name}: ${path} is readable by other users; run chmod 600 ${path}`);
}

const deviceFile = v.object({
  version: v.literal(1),
  connectionString: v.string(),
  webSocketPort: v.number(),
  caFile: v.string(),
});

/** The file that a local hub wrote for a device; simulated boards find it by themselves. */
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
    const file = check(deviceFile, JSON.parse(await readRegularFile(path)));
    if (file.ok) return { source: path, ...file.value, mayBeCopied: false };
    problems.push(...file.problems.map((one) => `${path}: ${one}`));
  } catch (cause) {
    const why = isAbsent(cause) ? `there is none in ${folder}` : describeFileError(cause, path);
    const named = redact(id);
    problems.push(`device ${named}: ${redact(why)}. Add it with "boardkeeper device add -d ${named}"`);
  }
  return undefined;
}

/** The device id in a file's name; undefined for a file that no local hub has written. */
function idIn(fileName: string): string | undefined {
  try {
    return decodeURIComponent(fileName);
  } catch {
    return undefined;
  }
}
