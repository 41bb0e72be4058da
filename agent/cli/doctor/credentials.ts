import { findings, type Finding } from "./finding.ts";

const found = findings("credentials");

export interface CredentialFacts {
  /** Where the connection string was found: a path, or a variable's name; undefined where there is none. */
  readonly source: string | undefined;
  /** Of the file; null where it is none. */
  readonly mode: number | null;
  /** What is wrong with it or with finding it, one sentence each. */
  readonly problems: readonly string[];
}

export interface LastKnownGoodFileFacts {
  /** Of the last good configuration, which holds the connection string as a rule. */
  readonly path: string;
  /** False for a link, or a file that has another name besides. */
  readonly isFile: boolean;
  readonly mode: number;
  /** Whether it belongs to the user of the service. */
  readonly isOwn: boolean;
  readonly user: string;
}

const newKey = "then give the device a new key in the hub, and that to the board: sudo boardkeeper-agent provision";

export function checkLastKnownGoodFile({ path, isFile, mode, isOwn, user }: LastKnownGoodFileFacts): Finding {
  const kept = findings("last good configuration");
  // Its folder is the agent's. Whoever has taken that over could have root give away what such a link leads to.
  if (!isFile) {
    return kept.fault(
      `${path} is not a file of its own, and no agent has made it so`,
      `rm ${path}; then find out who has put it there: somebody has the rights of ${user}`,
    );
  }
  if ((mode & 0o077) !== 0) {
    return kept.fault(
      `other users of this board can read ${path} (mode ${(mode & 0o777).toString(8)}), which may hold the connection string`,
      `chmod 600 ${path}; ${newKey}`,
    );
  }
  if (!isOwn)
    return kept.warning(`${path} does not belong to ${user}, who cannot start from it`, `chown -h ${user}: ${path}`);
  return kept.ok(`${path}, for ${user} alone`);
}

export function checkCredentials({ source, mode, problems }: CredentialFacts): Finding {
  if (source === undefined) {
    const isShut = problems.some((one) => /EACCES|EPERM/.test(one));
    return found.fault(
      problems.join("; ") || "there is no connection string",
      isShut ? "Run this with sudo" : "Give it with: sudo boardkeeper-agent provision",
    );
  }
  // Whoever has read it can be this board from anywhere: new permissions alone take nothing back.
  if (mode !== null && (mode & 0o077) !== 0) {
    return found.fault(
      `other users of this board can read ${source} (mode ${(mode & 0o777).toString(8)})`,
      `chmod 600 ${source}; ${newKey}`,
    );
  }
  if (problems.length > 0)
    return found.fault(problems.join("; "), "Give it anew with: sudo boardkeeper-agent provision");
  return found.ok(mode === null ? `from ${source}` : `${source}, for its owner alone`);
}
