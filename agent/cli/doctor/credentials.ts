import { findings, type Finding } from "./finding.ts";

const credentials = findings("credentials");

export interface CredentialFacts {
  /** Where the connection string was found: a path or a variable's name; undefined where there is none. */
  readonly source: string | undefined;
  /** Of the file; null for a variable, and for a file that is encrypted. */
  readonly mode: number | null;
  readonly isEncrypted: boolean;
  /** Mistakes in it, or errors in finding it; one sentence each. */
  readonly problems: readonly string[];
}

const newKey =
  "then give the device a new key in the hub, and the board the new connection string: sudo boardkeeper-agent provision";

const encryptAgain =
  "Encrypt the right connection string again, on this board (docs/security.md): systemd-creds encrypt";

export function checkCredentials({ source, mode, isEncrypted, problems }: CredentialFacts): Finding {
  if (source === undefined) {
    const isDenied = problems.some((one) => /EACCES|EPERM/.test(one));
    const isUndecipherable = problems.some((one) => one.includes("cannot be decrypted"));
    const store = isUndecipherable ? encryptAgain : "Store one with: sudo boardkeeper-agent provision";
    return credentials.fault(
      problems.join("; ") || "there is no connection string",
      isDenied ? "Run this with sudo" : store,
    );
  }
  // Whoever has read it can connect as this board from anywhere: new permissions alone are not enough.
  if (isReadableByOthers(mode)) {
    return credentials.fault(
      `other users of this board can read ${source} (mode ${octal(mode)})`,
      `chmod 600 ${source}; ${newKey}`,
    );
  }
  if (problems.length > 0)
    return credentials.fault(
      problems.join("; "),
      isEncrypted ? encryptAgain : "Store it again with: sudo boardkeeper-agent provision",
    );
  if (isEncrypted) return credentials.ok(`${source}, encrypted with a key of this board`);
  return credentials.ok(mode === null ? `from ${source}` : `${source}, readable by its owner alone`);
}

const lastKnownGood = findings("last good configuration");

/** The last known good configuration, which usually holds the connection string. */
export interface LastKnownGoodFileFacts {
  readonly path: string;
  /** False for a link, or a file that has another name too. */
  readonly isFile: boolean;
  readonly mode: number;
  /** Whether it belongs to the service's user. */
  readonly isOwn: boolean;
  readonly user: string;
}

export function checkLastKnownGoodFile({ path, isFile, mode, isOwn, user }: LastKnownGoodFileFacts): Finding {
  // The agent owns the folder. Whoever has taken over the agent could make root chmod or chown what a link points to.
  if (!isFile) {
    return lastKnownGood.fault(
      `${path} is a link, or has another name too; no agent has made it so`,
      `rm ${path}; then find out who has put it there: somebody has the rights of ${user}`,
    );
  }
  if (isReadableByOthers(mode)) {
    return lastKnownGood.fault(
      `other users of this board can read ${path} (mode ${octal(mode)}), which may hold the connection string`,
      `chmod 600 ${path}; ${newKey}`,
    );
  }
  if (!isOwn)
    return lastKnownGood.warning(
      `${path} does not belong to ${user}, who cannot start from it`,
      `chown -h ${user}: ${path}`,
    );
  return lastKnownGood.ok(`${path}, readable by ${user} alone`);
}

function isReadableByOthers(mode: number | null): mode is number {
  return mode !== null && (mode & 0o077) !== 0;
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8);
}
