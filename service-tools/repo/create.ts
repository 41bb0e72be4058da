import { createHash } from "node:crypto";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { applyChange, signRoot } from "./change.ts";
import { isAbsent, makeFolder, withRepositoryLock } from "./durable-files.ts";
import type { Signer } from "./keys.ts";
import { CannotSign, makeRoot, rootFingerprint, type RootKeys } from "./metadata.ts";

/** The first root of a repository, signed: the file that boards are given. */
export interface NewRoot {
  readonly bytes: Uint8Array;
  /** Its SHA-256: the identity of the repository. */
  readonly id: string;
  /** What boards show before they trust it. */
  readonly fingerprint: string;
  /** Writes the repository into the folder. @throws CannotSign where there is one already */
  create(folder: string): Promise<void>;
}

/** A root that two keys may change, each alone; the working key signs everything else. */
export async function newRoot(working: Signer, recovery: Signer, now: Date): Promise<NewRoot> {
  const online = { keys: [working.key], threshold: 1 };
  const keys: RootKeys = {
    root: { keys: [working.key, recovery.key], threshold: 1 },
    targets: online,
    snapshot: online,
    timestamp: online,
  };
  const signed = makeRoot(1, keys, now);
  const signers = new Map([working, recovery].map((signer) => [signer.key.keyID, signer]));
  const bytes = await signRoot(signed, undefined, signers);
  return {
    bytes,
    id: createHash("sha256").update(bytes).digest("hex"),
    fingerprint: rootFingerprint(signed),
    create: async (folder) => {
      await withRepositoryLock(folder, async () => {
        await requireEmpty(folder);
        await makeFolder(join(folder, "targets"));
        await applyChange(folder, undefined, { root: { bytes, signed } }, signers, now);
      });
    },
  };
}

/**
 * Creates the folder of a repository, whose parent folder must exist.
 * @throws CannotSign where a repository is in it already
 */
export async function prepareFolder(folder: string): Promise<void> {
  await mkdir(folder, { mode: 0o755 }).catch((cause: unknown) => {
    if (!(cause instanceof Error && "code" in cause && cause.code === "EEXIST")) throw cause;
  });
  await requireEmpty(folder);
}

async function requireEmpty(folder: string): Promise<void> {
  for (const part of ["metadata", "targets"]) {
    const names = await readdir(join(folder, part)).catch((cause: unknown) => {
      if (isAbsent(cause)) return [];
      throw cause;
    });
    if (names.length > 0) {
      throw new CannotSign(
        `${folder} is a repository already: ${part} is in it. Name another folder, or see what it has with: boardkeeper repo list ${folder}`,
      );
    }
  }
}
