import { applyChange, signRoot } from "./change.ts";
import type { Contents } from "./contents.ts";
import type { Signer } from "./keys.ts";
import { makeRoot, rootKeysOf } from "./metadata.ts";
import { nextRootKeys, type NewKeys } from "./rotation.ts";

/**
 * Makes the next root and signs everything again, for the keys that it names. Boards follow by themselves.
 * @param changed the keys that are other ones now; none of them renews the root alone
 * @param signers of the former root or the recovery key, of the new keys, and of the old working key where it may still sign
 * @throws CannotSign, RepositoryBusy
 */
export async function rotateRoot(
  folder: string,
  contents: Contents,
  changed: NewKeys,
  signers: ReadonlyMap<string, Signer>,
  now: Date,
): Promise<void> {
  const keys = nextRootKeys(contents.root, changed);
  const signed = makeRoot(contents.root.version + 1, keys, now);
  const bytes = await signRoot(signed, rootKeysOf(contents.root).root, signers);
  await applyChange(folder, contents, { root: { bytes, signed }, resignTargets: true }, signers, now);
}
