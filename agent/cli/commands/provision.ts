import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errorMessage, errorCode } from "../../lib/errors.ts";
import type { Arguments } from "../arguments.ts";
import { FolderUnusable, nodeDisk } from "../../board/fs/disk.ts";
import { makeFolder, replaceFile } from "../../board/fs/files.ts";
import type { HubAddress } from "../../hub/address.ts";
import { validateConnectionString } from "../../config/connection-string.ts";
import { CommandFailed, type Terminal } from "./terminal.ts";

export interface ProvisionPaths {
  /** Where the agent's configuration lies. */
  readonly configFolder: string;
  /** Where systemd takes the connection string from. */
  readonly credentialFile: string;
  /** Starts the service; resolves with false where nobody is there to start it. */
  readonly startService: () => Promise<boolean>;
}

/** `boardkeeper-agent provision`: all or nothing of it is written, and only when all of it is good. */
export async function provision(
  { caFile, noStart }: Pick<Arguments, "caFile" | "noStart">,
  terminal: Terminal,
  places: ProvisionPaths,
): Promise<number> {
  const ca = caFile === undefined ? undefined : await readCa(caFile);
  const text = await terminal.readSecret("Connection string of the device or module (not shown): ");
  const identity = validateConnectionString(text);
  if (!identity.ok) throw new CommandFailed(`Nothing was changed. ${identity.problems.join(". ")}.`);
  await writing(places, async () => {
    await mkdirReadable(places.configFolder);
    if (ca !== undefined) await keepCa(places.configFolder, ca);
    await makeFolder(dirname(places.credentialFile)); // For its owner alone, as all that it makes.
    await replaceFile(places.credentialFile, `${text.trim()}\n`, nodeDisk, 0o600);
  });
  terminal.note(
    `This board is now ${nameOf(identity.value)}. Its connection string lies in ${places.credentialFile}.\n`,
  );
  if (noStart) terminal.note("The service was not started: systemctl restart boardkeeper-agent\n");
  else if (await places.startService()) {
    terminal.note("The agent has been started. See whether it reaches its hub: boardkeeper-agent status\n");
  } else terminal.note("No systemd is in charge here. Start the agent with: boardkeeper-agent run\n");
  return 0;
}

function nameOf({ hostName, deviceId, moduleId }: HubAddress): string {
  return `${moduleId === undefined ? "" : `the module ${moduleId} of `}${deviceId} on ${hostName}`;
}

async function readCa(path: string): Promise<string> {
  let pem: string;
  try {
    pem = await readFile(path, "utf8");
  } catch (cause) {
    throw new CommandFailed(`Nothing was changed. --ca-file: ${reasonOf(cause)}.`, { cause });
  }
  if (pem.includes("-----BEGIN CERTIFICATE-----")) return pem;
  throw new CommandFailed(`Nothing was changed. --ca-file: ${path} is not a PEM certificate.`);
}

/** A copy of the board's own, and a drop-in that names it: what the owner writes stays as it is. */
async function keepCa(configFolder: string, pem: string): Promise<void> {
  const copy = join(configFolder, "hub-ca.pem");
  const dropIns = join(configFolder, "agent.toml.d");
  await replaceFile(copy, pem, nodeDisk, 0o644);
  await mkdirReadable(dropIns);
  const toml = `# Written by boardkeeper-agent provision.\n[hub]\nca-file = ${JSON.stringify(copy)}\n`;
  await replaceFile(join(dropIns, "10-provisioned.toml"), toml, nodeDisk, 0o644);
}

/** The agent's user reads its configuration there. */
async function mkdirReadable(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o755 });
}

async function writing({ credentialFile }: ProvisionPaths, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (cause) {
    const code = errorCode(cause);
    const sudo =
      code === "EACCES" || code === "EPERM" || cause instanceof FolderUnusable ? " Run this as root, with sudo." : "";
    throw new CommandFailed(`${credentialFile} could not be written: ${reasonOf(cause)}.${sudo}`, { cause });
  }
}

function reasonOf(cause: unknown): string {
  return errorMessage(cause);
}
