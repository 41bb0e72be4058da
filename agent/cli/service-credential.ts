import { access } from "node:fs/promises";
import { unitText } from "../board/probes/systemd.ts";
import { readFirstCredential, type StoredCredential } from "../board/systemd/stored-credential.ts";
import type { ServiceCredential } from "../config/launch-options.ts";
import { credentialFile, serviceUnit } from "../config/paths.ts";
import {
  connectionStringSources,
  connectionStringVariable,
  variableInFile,
  type ConnectionStringSources,
} from "../config/service-credential.ts";
import { errorMessage, isAbsent } from "../lib/errors.ts";
import { readRegularFile } from "../lib/regular-file.ts";

/* What systemd passes to the service, for commands that are not the service: they have neither its environment nor its credentials. */

/** How this board can be asked; a test has a unit of its own. */
export interface ServiceUnitPorts {
  /** The unit and its drop-ins; undefined where systemd does not run, or has no such unit. */
  readonly readUnit: () => Promise<string | undefined>;
  /** Unless given: systemd-creds(1). */
  readonly decrypt?: (path: string) => Promise<string>;
}

const board: ServiceUnitPorts = { readUnit: async () => await unitText(serviceUnit) };
const inVariable = `${connectionStringVariable} in the environment of ${serviceUnit}`;
const withoutUnit: ConnectionStringSources = {
  variable: undefined,
  environmentFiles: [],
  files: [{ path: credentialFile, isEncrypted: false }],
};

/**
 * The connection string that the service would get at its next start, with the path or the variable that it comes from; undefined
 * where it would get none. Without a unit, that which `provision` stored.
 * @throws Error with the file's path, where it cannot be read or decrypted
 */
export async function readServiceCredential(ports: ServiceUnitPorts = board): Promise<StoredCredential | undefined> {
  const unit = await ports.readUnit();
  return await readFrom(unit === undefined ? withoutUnit : connectionStringSources(unit), ports);
}

/** The same for an examination, which goes on after an error; undefined where there is no unit to examine. Never rejects. */
export async function inspectServiceCredential(
  ports: ServiceUnitPorts = board,
): Promise<ServiceCredential | undefined> {
  const unit = await ports.readUnit();
  if (unit === undefined) return undefined;
  try {
    const stored = await readFrom(connectionStringSources(unit), ports);
    if (stored === undefined) return {};
    const { path: source, text: connectionString, isEncrypted } = stored;
    return { stored: { source, connectionString, isEncrypted } };
  } catch (cause) {
    return { problem: errorMessage(cause) };
  }
}

/** What the unit takes instead of this file: a path or a variable; undefined where it takes the file, or there is no unit. */
export async function sourceInstead(path: string, ports: ServiceUnitPorts = board): Promise<string | undefined> {
  const unit = await ports.readUnit();
  if (unit === undefined) return undefined;
  const sources = connectionStringSources(unit);
  if ((await readVariable(sources)) !== undefined) return inVariable;
  const [first] = sources.files;
  for (const file of sources.files) {
    if (file.path === path) return undefined;
    if (await exists(file.path)) return file.path;
  }
  return first?.path ?? "no file";
}

async function readFrom(
  sources: ConnectionStringSources,
  { decrypt }: ServiceUnitPorts,
): Promise<StoredCredential | undefined> {
  const variable = await readVariable(sources);
  if (variable !== undefined) return { path: inVariable, text: variable, isEncrypted: false };
  return await readFirstCredential(sources.files, decrypt);
}

/** A later file overrides an earlier one, and each of them the unit's own text. */
async function readVariable({ variable, environmentFiles }: ConnectionStringSources): Promise<string | undefined> {
  let found = variable;
  for (const path of environmentFiles) {
    try {
      found = variableInFile(await readRegularFile(path)) ?? found;
    } catch (cause) {
      if (!isAbsent(cause)) throw new Error(`${path} cannot be read: ${errorMessage(cause)}`, { cause });
    }
  }
  return found === "" ? undefined : found;
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
