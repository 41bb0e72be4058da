import { dirname, join } from "node:path";
import { FolderUnusable, nodeDisk } from "../../board/fs/disk.ts";
import { makeFolder, makeReadableFolder, replaceFile } from "../../board/fs/files.ts";
import { serviceUnit } from "../../config/paths.ts";
import { validateConnectionString } from "../../config/connection-string.ts";
import { messageObstacle } from "../../contract/message-obstacle.ts";
import type { HubAddress } from "../../hub/address.ts";
import { errorCode, errorMessage } from "../../lib/errors.ts";
import { readRegularFile } from "../../lib/regular-file.ts";
import { UsageError, type Arguments } from "../arguments.ts";
import type { TrustAccess } from "../trust-access.ts";
import { CommandFailed, type Terminal } from "../command-context.ts";
import { planTrust } from "./trust.ts";

export interface ProvisionPaths {
  /** The folder of the agent's configuration. */
  readonly configFolder: string;
  /** The file that systemd passes to the service as a credential. */
  readonly credentialFile: string;
  /** Starts the service; resolves with false where systemd does not run. */
  readonly startService: () => Promise<boolean>;
  /** What the service's unit takes instead of that file: a path or a variable; undefined where it takes the file. */
  readonly sourceInstead: (credentialFile: string) => Promise<string | undefined>;
  /** Where `--trust` stores a trust root. */
  readonly trust: TrustAccess;
}

/** `boardkeeper-agent provision`: checks everything first, then writes it. */
export async function provision(
  { caFile, noStart, trust, ...consent }: Pick<Arguments, "caFile" | "noStart" | "trust" | "fingerprint" | "yes">,
  terminal: Terminal,
  paths: ProvisionPaths,
): Promise<number> {
  const ca = caFile === undefined ? undefined : await readCa(caFile);
  if (trust === "-")
    throw new UsageError("--trust - is not possible: standard input is the connection string.", "provision");
  const storeTrust = trust === undefined ? undefined : await planTrust(trust, consent, terminal, paths.trust);
  const text = await terminal.readSecret("Connection string of the device or module (not shown): ");
  const address = validateConnectionString(text);
  if (!address.ok) throw new CommandFailed(`Nothing was changed. ${address.problems.join(". ")}.`);
  await storeTrust?.(); // Before the service starts: it would refuse the first update.
  await writeOrFail(paths, async () => {
    await makeReadableFolder(paths.configFolder);
    if (ca !== undefined) await storeCa(paths.configFolder, ca);
    await makeFolder(dirname(paths.credentialFile)); // Mode 0700.
    await replaceFile(paths.credentialFile, `${text.trim()}\n`, nodeDisk, 0o600);
  });
  terminal.note(
    `This board is now ${nameOf(address.value)}. Its connection string is stored in ${paths.credentialFile}.\n`,
  );
  const { deviceId, moduleId } = address.value;
  const obstacle = messageObstacle(moduleId === undefined ? deviceId : `${deviceId}/${moduleId}`);
  if (obstacle !== null) terminal.note(`Warning: ${obstacle}\n`);
  const source = await findSourceInstead(paths);
  if (source !== undefined)
    terminal.note(
      `Warning: the service does not use this file: its unit takes the connection string from ${source}. Store it there too (docs/security.md says how to encrypt it), or have the unit use this file again: systemctl cat ${serviceUnit} shows what names the other source\n`,
    );
  if (noStart) {
    const restarted =
      source === undefined
        ? "Where it runs, it is restarted within seconds to use this connection string; start"
        : "Start";
    terminal.note(`The service was not started. ${restarted} it with: systemctl enable --now boardkeeper-agent\n`);
  } else if (await paths.startService()) {
    terminal.note("The agent was started. Check that it reaches its hub: boardkeeper-agent status\n");
  } else terminal.note("systemd does not run here. Start the agent with: boardkeeper-agent run\n");
  return 0;
}

async function findSourceInstead({ credentialFile, sourceInstead }: ProvisionPaths): Promise<string | undefined> {
  try {
    return await sourceInstead(credentialFile);
  } catch (cause) {
    throw new CommandFailed(
      `The connection string is stored, but the service was not started: ${errorMessage(cause)}. Correct that, then: sudo systemctl restart ${serviceUnit}`,
      { cause },
    );
  }
}

function nameOf({ hostName, deviceId, moduleId }: HubAddress): string {
  return `${moduleId === undefined ? "" : `the module ${moduleId} of `}${deviceId} on ${hostName}`;
}

async function readCa(path: string): Promise<string> {
  let pem: string;
  try {
    pem = await readRegularFile(path);
  } catch (cause) {
    throw new CommandFailed(`Nothing was changed. --ca-file: ${errorMessage(cause)}.`, { cause });
  }
  if (pem.includes("-----BEGIN CERTIFICATE-----")) return pem;
  throw new CommandFailed(`Nothing was changed. --ca-file: ${path} is not a PEM certificate.`);
}

/** Writes a copy of the CA and a drop-in that names it. The owner's own files stay unchanged. */
async function storeCa(configFolder: string, pem: string): Promise<void> {
  const copy = join(configFolder, "hub-ca.pem");
  const dropIns = join(configFolder, "agent.toml.d");
  await replaceFile(copy, pem, nodeDisk, 0o644);
  await makeReadableFolder(dropIns);
  const toml = `# Written by boardkeeper-agent provision.\n[hub]\nca-file = ${JSON.stringify(copy)}\n`;
  await replaceFile(join(dropIns, "10-provisioned.toml"), toml, nodeDisk, 0o644);
}

async function writeOrFail({ credentialFile }: ProvisionPaths, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (cause) {
    const code = errorCode(cause);
    const sudo =
      code === "EACCES" || code === "EPERM" || cause instanceof FolderUnusable ? " Run this as root, with sudo." : "";
    throw new CommandFailed(`${credentialFile} could not be written: ${errorMessage(cause)}.${sudo}`, { cause });
  }
}
