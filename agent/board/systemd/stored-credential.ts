import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { CredentialFile } from "../../config/paths.ts";
import { errorCode, errorMessage, isAbsent } from "../../lib/errors.ts";
import { readRegularFile } from "../../lib/regular-file.ts";

const run = promisify(execFile);
const decryptTimeoutMs = 10_000;

export interface StoredCredential extends CredentialFile {
  /** Its content, decrypted where it is encrypted: a secret. */
  readonly text: string;
}

/** Decrypts a file of systemd-creds(1). Rejects where that is not possible, as with a key of a TPM that this process may not use. */
async function decryptCredential(path: string): Promise<string> {
  // Newer releases of systemd would ask this user for a password.
  if (process.getuid?.() !== 0) throw new Error("only root may do that (EPERM)");
  const args = ["decrypt", "--name=connection-string", path, "-"];
  return (await run("systemd-creds", args, { timeout: decryptTimeoutMs })).stdout;
}

/**
 * The first of these files that exists, with its content, which is a secret; undefined where none does.
 * @throws Error with the file's path, where it cannot be read or decrypted
 */
export async function readFirstCredential(
  files: readonly CredentialFile[],
  decrypt: (path: string) => Promise<string> = decryptCredential,
): Promise<StoredCredential | undefined> {
  for (const { path, isEncrypted, isReceived } of files) {
    try {
      const text = await readRegularFile(path);
      return { path, isEncrypted, text: isEncrypted ? await decrypt(path) : text };
    } catch (cause) {
      if (isAbsent(cause) || (isReceived === true && errorCode(cause) === "EACCES")) continue;
      throw new Error(
        `${path} cannot be ${isEncrypted ? "decrypted" : "read"}: ${errorMessage(cause).split("\n").at(-1)}`,
        {
          cause,
        },
      );
    }
  }
  return undefined;
}
