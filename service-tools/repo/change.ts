import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { maxTargetsPerRole } from "../../agent/contract/signed-target.ts";
import type { Root } from "@tufjs/models";
import type { Contents } from "./contents.ts";
import { replaceMetadata, type NewFile } from "./durable-files.ts";
import type { Signer } from "./keys.ts";
import {
  CannotSign,
  makeBoardRole,
  makeRoot,
  makeSnapshot,
  makeTargets,
  makeTimestamp,
  rootKeysOf,
  signFile,
  type MadeFile,
  type RoleKeys,
  type TargetFiles,
} from "./metadata.ts";
import { nextRootKeys, type NewKeys } from "./rotation.ts";

/* From what a repository holds, and what is to change, to its next metadata files. */

export interface Change {
  /** Boards whose list of images is another one now. */
  readonly boards?: ReadonlyMap<string, TargetFiles>;
  /** A new root, signed; and the keys that it gives to the roles. */
  readonly root?: { readonly bytes: Uint8Array; readonly signed: Root };
  /** Signs all roles of targets again, for another time or with other keys. */
  readonly resignTargets?: boolean;
}

/** How far back a publisher's clock may be: another publisher's may be ahead. */
const maxClockStepMs = 86_400_000;

/** The next state of a repository, written. @throws CannotSign, RepositoryBusy */
export async function applyChange(
  folder: string,
  contents: Contents | undefined,
  change: Change,
  signers: ReadonlyMap<string, Signer>,
  now: Date,
): Promise<void> {
  const files = await nextFiles(contents, change, signers, now);
  await replaceMetadata(folder, files, async () => {
    if (contents === undefined) return true;
    return contents.timestampBytes.equals(await readFile(join(folder, "metadata", "timestamp.json")));
  });
}

/**
 * Makes the next root and signs everything again, for the keys that it names. Boards follow by themselves.
 * @param changed the keys that are other ones now; none of them renews the root alone
 * @param signers of the former root or the recovery key, of the new keys, and of the old working key where it may still sign
 * @returns the new root
 * @throws CannotSign, RepositoryBusy
 */
export async function rotateRoot(
  folder: string,
  contents: Contents,
  changed: NewKeys,
  signers: ReadonlyMap<string, Signer>,
  now: Date,
): Promise<Root> {
  const keys = nextRootKeys(contents.root, changed);
  const signed = makeRoot(contents.root.version + 1, keys, now);
  const bytes = await signRoot(signed, rootKeysOf(contents.root).root, signers);
  await applyChange(folder, contents, { root: { bytes, signed }, resignTargets: true }, signers, now);
  return signed;
}

async function nextFiles(
  contents: Contents | undefined,
  { boards = new Map<string, TargetFiles>(), root, resignTargets = false }: Change,
  signers: ReadonlyMap<string, Signer>,
  now: Date,
): Promise<NewFile[]> {
  const currentRoot = root?.signed ?? contents?.root;
  if (currentRoot === undefined) throw new CannotSign("A repository begins with a root.");
  const keys = rootKeysOf(currentRoot);
  // While the old root is still the newest that a reader has seen, the files must be valid by it, too.
  const formerKeys = root === undefined || contents === undefined ? undefined : formerSigners(contents.root, signers);
  const also = formerKeys ?? [];
  const issued = issuedTime(contents, currentRoot, now);
  const files: NewFile[] = [];
  const metas = new Map<string, MadeFile["meta"]>();

  const names = [...new Set([...(contents?.boards.keys() ?? []), ...boards.keys()])].sort();
  const isNewBoard = names.some((name) => !(contents?.boards.has(name) ?? false));
  if (contents === undefined || isNewBoard || resignTargets) {
    const version = (contents?.targets.version ?? 0) + 1;
    const made = await signFile(
      "The role targets",
      makeTargets(version, names, keys.targets, now),
      keys.targets,
      signers,
      also,
    );
    files.push({ name: `${version}.targets.json`, bytes: made.bytes });
    metas.set("targets.json", made.meta);
  } else {
    metas.set("targets.json", contents.targetsMeta);
  }
  for (const name of names) {
    const former = contents?.boards.get(name);
    const listed = boards.get(name) ?? former?.files;
    if (listed === undefined || (former !== undefined && !boards.has(name) && !resignTargets)) {
      if (former !== undefined) metas.set(`${name}.json`, former.meta);
      continue;
    }
    requireRoom(name, listed);
    const version = (former?.version ?? 0) + 1;
    const role = makeBoardRole(version, listed, now);
    const made = await signFile(`The list of ${name}`, role, keys.targets, signers);
    files.push({ name: `${version}.${name}.json`, bytes: made.bytes });
    metas.set(`${name}.json`, made.meta);
  }

  const isForgotten =
    contents !== undefined &&
    (["timestamp", "snapshot"] as const).some((role) => losesKey(contents.root, currentRoot, role));
  const version = (former: number | undefined): number => nextVersion(former, isForgotten, now);
  const snapshot = makeSnapshot(version(contents?.snapshot.version), metas, now);
  const madeSnapshot = await signFile("The snapshot", snapshot, keys.snapshot, signers, also);
  files.push({ name: `${snapshot.version}.snapshot.json`, bytes: madeSnapshot.bytes });
  const timestamp = makeTimestamp(version(contents?.timestamp.version), madeSnapshot.meta, issued, now);
  const madeTimestamp = await signFile("The timestamp", timestamp, keys.timestamp, signers, also);
  const timestampFile = { name: "timestamp.json", bytes: madeTimestamp.bytes };
  if (root === undefined) return [...files, timestampFile];
  const rootFile = { name: `${root.signed.version}.root.json`, bytes: root.bytes };
  // Where the old keys have signed as well, the timestamp is valid by both roots, and goes first: at no moment does a reader see
  // a root that does not fit. Where they cannot sign any more, there is such a moment.
  return formerKeys === undefined ? [...files, rootFile, timestampFile] : [...files, timestampFile, rootFile];
}

/** Those of the signers that make a file valid by the former root; undefined where they are too few. */
function formerSigners(former: Root, signers: ReadonlyMap<string, Signer>): Signer[] | undefined {
  const { targets, snapshot, timestamp } = rootKeysOf(former);
  const found = [targets, snapshot, timestamp].map((role) => {
    const own = signersOf(role, signers);
    return own.length < role.threshold ? undefined : own;
  });
  return found.includes(undefined) ? undefined : [...new Set(found.flatMap((own) => own ?? []))];
}

function requireRoom(board: string, files: TargetFiles): void {
  if (files.size <= maxTargetsPerRole) return;
  const [oldest] = files.values();
  throw new CannotSign(
    `${board} would have ${files.size} images, and boards read at most ${maxTargetsPerRole}. ` +
      `Retire one first, such as the oldest: boardkeeper repo retire ${oldest?.description.version} --board ${board}`,
  );
}

/**
 * Signed times never go back: boards without a clock go by them. But where a key of the timestamp goes, boards forget the time that
 * it has signed: a thief may have signed one that is far ahead.
 * @throws CannotSign where this machine's clock is wrong, or the signed time is
 */
function issuedTime(contents: Contents | undefined, root: Root, now: Date): Date {
  if (contents === undefined || now >= contents.issued) return now;
  if (losesKey(contents.root, root, "timestamp")) return now;
  if (!isClockBehind(contents, now)) return contents.issued;
  throw new CannotSign(
    `This machine's clock says ${now.toISOString()}, and the repository was last signed at ${contents.issued.toISOString()}. Set the clock; then try again. If the clock is right, that time is wrong: somebody has signed with a wrong clock, or with a stolen key. Replace the key that has signed the timestamp (boardkeeper repo rotate or revoke): boards then forget that time.`,
  );
}

/** Whether the next root takes a key of the role away. Boards forget what they have of timestamp and snapshot then. */
function losesKey(former: Root, next: Root, role: "timestamp" | "snapshot"): boolean {
  const kept = new Set(rootKeysOf(next)[role].keys.map(({ keyID }) => keyID));
  return rootKeysOf(former)[role].keys.some(({ keyID }) => !kept.has(keyID));
}

/** More than a publisher comes to by himself, whose versions rise by one, or begin at the seconds since 1970. */
const mostVersions = 2 ** 40;

/**
 * The version after one. Where boards forget the former one, a version that is far too high is given up: a thief may have signed it. The
 * new one begins at the seconds since 1970, which no file has been named after before.
 * @throws CannotSign where it cannot rise any more
 */
function nextVersion(former: number | undefined, isForgotten: boolean, now: Date): number {
  if (former === undefined) return 1;
  if (former < mostVersions) return former + 1;
  if (isForgotten) return Math.floor(now.getTime() / 1_000);
  throw new CannotSign(
    `The repository's timestamp or snapshot has version ${former}, which nobody comes to by publishing: it was signed with a stolen key, to keep boards from newer ones. Replace the key that has signed it (boardkeeper repo revoke): boards then forget that version.`,
  );
}

/** Whether this machine's clock is so far behind the last signature that one of both is wrong. */
export function isClockBehind({ issued }: Pick<Contents, "issued">, now: Date): boolean {
  return issued.getTime() - now.getTime() > maxClockStepMs;
}

/**
 * A root as a file, signed by its own keys and by those of the former one, which boards trust.
 * @throws CannotSign when either of them are too few
 */
export async function signRoot(
  root: Root,
  former: RoleKeys | undefined,
  signers: ReadonlyMap<string, Signer>,
): Promise<Uint8Array> {
  const also = former === undefined ? [] : signersOf(former, signers);
  if (former !== undefined && also.length < former.threshold) {
    throw new CannotSign("A new root must be signed by a key of the former one: the working key or the recovery key.");
  }
  const made = await signFile("The root", root, rootKeysOf(root).root, signers, also);
  return made.bytes;
}

function signersOf({ keys }: RoleKeys, signers: ReadonlyMap<string, Signer>): Signer[] {
  return keys.flatMap(({ keyID }) => signers.get(keyID) ?? []);
}
