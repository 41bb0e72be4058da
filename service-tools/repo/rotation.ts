import type { Key, Root } from "@tufjs/models";
import { CannotSign, rootKeysOf, type RoleKeys, type RootKeys } from "./metadata.ts";

/* Which keys a root names, by what people call them; and the keys of the next root. */

/** The working key signs what is published. The recovery key signs the root alone. The online key signs snapshot and timestamp alone. */
const keyNames = ["working", "recovery", "online"] as const;
export type KeyName = (typeof keyNames)[number];

/** The keys of each name. A repository of this program has one of each, and an online key only after `rotate --online-key`. */
export type NamedKeys = Readonly<Record<KeyName, readonly Key[]>>;

export function namedKeys(root: Root): NamedKeys {
  const { root: own, targets, snapshot, timestamp } = rootKeysOf(root);
  const isWorking = ({ keyID }: Key): boolean => targets.keys.some((key) => key.keyID === keyID);
  const online = new Map(
    [...snapshot.keys, ...timestamp.keys].filter((key) => !isWorking(key)).map((key) => [key.keyID, key]),
  );
  return {
    working: targets.keys,
    recovery: own.keys.filter((key) => !isWorking(key)),
    online: [...online.values()],
  };
}

/** Which name a key has that is given by its name, or by the beginning of its id. @throws CannotSign when there is none, or several */
export function findKey(root: Root, given: string): { readonly name: KeyName; readonly keys: readonly Key[] } {
  const keys = namedKeys(root);
  const known = keyNames
    .map((name) => `${name} ${keys[name].map(({ keyID }) => keyID.slice(0, 16)).join(" ") || "-"}`)
    .join(", ");
  const found = keyNames
    .map((name) => ({ name, keys: keys[name].filter(({ keyID }) => name === given || isBeginning(given, keyID)) }))
    .filter((one) => one.keys.length > 0);
  const [first, second] = found;
  if (first !== undefined && second === undefined) return first;
  const what = first === undefined ? "no key" : "more than one key";
  throw new CannotSign(`The root names ${what} ${given}. Its keys are: ${known}.`);
}

/** Eight digits are enough to be sure which one a person means. */
function isBeginning(given: string, keyId: string): boolean {
  return given.length >= 8 && keyId.startsWith(given.toLowerCase());
}

/** New keys by their names; null takes a key away. */
export type NewKeys = Readonly<Partial<Record<KeyName, Key | null>>>;

/**
 * Who signs what by the next root. Each role needs one signature: of the working key; for snapshot and timestamp of the online
 * key, too, where there is one; for the root of the recovery key, too.
 */
export function nextRootKeys(root: Root, changed: NewKeys): RootKeys {
  const former = namedKeys(root);
  const keysNamed = (name: KeyName): readonly Key[] => {
    const next = changed[name];
    return next === undefined ? former[name] : next === null ? [] : [next];
  };
  const oneOf = (...names: KeyName[]): RoleKeys => ({ keys: names.flatMap(keysNamed), threshold: 1 });
  return {
    root: oneOf("working", "recovery"),
    targets: oneOf("working"),
    // The online key first: whoever has both is asked for the passphrase of the lesser one.
    snapshot: oneOf("online", "working"),
    timestamp: oneOf("online", "working"),
  };
}
