import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { UsageError } from "../../cli/errors.ts";
import type { Context } from "../../context.ts";
import { defaultKeyFolder } from "../../hub-client/hub-info.ts";
import { readStateFile } from "../../local-hub/storage/read-state.ts";
import { describeError } from "../../local-hub/lib/log.ts";
import type { Contents } from "../../repo/contents.ts";
import { isAbsent, makeFolder, writeFileAtomically } from "../../repo/durable-files.ts";
import { decryptKey, keyFileSchema, publicKeyOf, WrongPassphrase, type KeyFile } from "../../repo/key-file.ts";
import type { Signer } from "../../repo/keys.ts";
import type { RoleKeys } from "../../repo/metadata.ts";
import { programSigner } from "../../repo/program-signer.ts";
import { askPassphrase, givenPassphrase, type KeyOptions } from "./key-options.ts";

/* The keys that this user can sign with: found by the ids that the root names, unlocked when one is needed. */

type KeyContext = Pick<Context, "env" | "prompt" | "err" | "interrupted">;

interface StoredKey {
  readonly path: string;
  readonly file: KeyFile;
}

const privateFile = 0o600;

/** Where a key is kept unless its owner says otherwise. */
export function keyPath(env: Context["env"], keyId: string): string {
  return join(defaultKeyFolder(env), `${keyId.slice(0, 16)}.json`);
}

/** Writes a key file that only its owner can read; refuses to replace another one. */
export async function saveKey(path: string, file: KeyFile): Promise<void> {
  const former = await readStateFile(path, keyFileSchema);
  if (former !== undefined && former.keyId !== file.keyId) {
    throw new UsageError(`${path} holds another key. Name another file with --key.`);
  }
  await makeFolder(join(path, ".."));
  await writeFileAtomically(path, Buffer.from(`${JSON.stringify(file, null, 2)}\n`), privateFile);
}

/** The keys of one repository. */
export class KeyRing {
  readonly #context: KeyContext;
  readonly #options: KeyOptions;
  readonly #contents: Pick<Contents, "root" | "id">;
  readonly #stored: readonly StoredKey[];
  readonly #without: readonly string[];
  readonly #signers = new Map<string, Signer>();
  /** Several keys may have the same one. */
  #passphrase: string | undefined;

  private constructor(
    context: KeyContext,
    options: KeyOptions,
    contents: Pick<Contents, "root" | "id">,
    stored: readonly StoredKey[],
    without: readonly string[],
  ) {
    this.#context = context;
    this.#options = options;
    this.#contents = contents;
    this.#stored = stored.filter(({ file }) => !without.includes(file.keyId));
    this.#without = without;
  }

  /**
   * @param without keys that must not sign, such as stolen ones
   * @throws UsageError for a key file that cannot be read, or is another repository's
   */
  static async open(
    context: KeyContext,
    contents: Pick<Contents, "root" | "id">,
    options: KeyOptions,
    without: readonly string[] = [],
  ): Promise<KeyRing> {
    return new KeyRing(context, options, contents, await findKeys(context, contents, options), without);
  }

  /** A key that is not in a file, such as the recovery key. */
  add(signer: Signer): void {
    this.#signers.set(signer.key.keyID, signer);
  }

  /** The signers that these roles need, by the ids of their keys; asks for passphrases. @throws UsageError when a role has none */
  async signersFor(roles: readonly RoleKeys[]): Promise<ReadonlyMap<string, Signer>> {
    for (const role of roles) {
      for (const { keyID } of role.keys) {
        if (this.#count(role) >= role.threshold) break;
        await this.#unlock(keyID);
      }
      if (this.#count(role) < role.threshold) throw this.#missing(role);
    }
    return this.#signers;
  }

  /** True where the keys that are here suffice for the role, without asking for a passphrase. */
  has(role: RoleKeys): boolean {
    const known = role.keys.filter(({ keyID }) => this.#signers.has(keyID) || this.#find(keyID) !== undefined);
    return known.length >= role.threshold;
  }

  #count({ keys }: RoleKeys): number {
    return keys.filter(({ keyID }) => this.#signers.has(keyID)).length;
  }

  #find(keyId: string): StoredKey | undefined {
    return this.#stored.find(({ file }) => file.keyId === keyId);
  }

  async #unlock(keyId: string): Promise<void> {
    const stored = this.#find(keyId);
    const { signer: program } = this.#options;
    if (stored !== undefined && "encrypted" in stored.file) {
      this.#signers.set(keyId, await this.#decrypt(stored.path, stored.file));
    } else if (stored !== undefined && "signer" in stored.file) {
      const { signer: usual } = stored.file;
      this.add(programSigner(program ?? usual, publicKeyOf(stored.file), this.#context.interrupted));
    } else if (program !== undefined && !this.#without.includes(keyId)) {
      const key = this.#contents.root.keys[keyId];
      if (key !== undefined) this.add(programSigner(program, key, this.#context.interrupted));
    }
  }

  async #decrypt(path: string, file: Extract<KeyFile, { encrypted: string }>): Promise<Signer> {
    this.#passphrase ??= await givenPassphrase(this.#context, this.#options);
    if (this.#passphrase !== undefined) return await decryptKey(file, this.#passphrase).catch(atFile(path));
    for (let attempt = 1; ; attempt += 1) {
      const typed = await askPassphrase(this.#context, `The passphrase of the key ${file.keyId.slice(0, 16)}: `);
      try {
        const signer = await decryptKey(file, typed);
        this.#passphrase = typed;
        return signer;
      } catch (cause) {
        if (!(cause instanceof WrongPassphrase) || attempt === 3) return atFile(path)(cause);
        this.#context.err.write(`${cause.message} Try again.\n`);
      }
    }
  }

  #missing({ keys }: RoleKeys): UsageError {
    const names = keys.map(({ keyID }) => keyID.slice(0, 16)).join(" or ");
    const folder = defaultKeyFolder(this.#context.env);
    return new UsageError(`No key of this repository is at hand: it takes ${names}, and ${folder} has no such file.`, {
      advice:
        "Name the key's file with --key, or the program that signs with --signer.\n" +
        "If the key or its passphrase is lost, the recovery key makes a new one: boardkeeper repo rotate --working-key --use-recovery-key",
    });
  }
}

async function findKeys(
  { env }: KeyContext,
  { root, id }: Pick<Contents, "root" | "id">,
  { key: named }: KeyOptions,
): Promise<StoredKey[]> {
  const paths = named === undefined ? await filesIn(defaultKeyFolder(env)) : [named];
  const stored: StoredKey[] = [];
  for (const path of paths) {
    const file = await readStateFile(path, keyFileSchema).catch((cause: unknown) => {
      // One damaged file does not hide the others; a key that is missing is named later.
      if (named === undefined) return undefined;
      throw new UsageError(`--key: ${path} is no key file: ${describeError(cause)}`, { cause });
    });
    if (file !== undefined && file.repository === id && root.keys[file.keyId] !== undefined)
      stored.push({ path, file });
    else if (named !== undefined) throw new UsageError(`--key: ${whyNot(path, file, id)}`);
  }
  return stored;
}

function whyNot(path: string, file: KeyFile | undefined, id: string): string {
  if (file === undefined) return `${path} does not exist.`;
  return file.repository === id
    ? `the key in ${path} does not belong to this repository any more: it was taken out of the root.`
    : `the key in ${path} is for another repository. Nothing was signed.`;
}

async function filesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    if (isAbsent(cause)) return [];
    throw cause;
  });
  return names.filter((name) => name.endsWith(".json")).map((name) => join(folder, name));
}

function atFile(path: string): (cause: unknown) => never {
  return (cause) => {
    if (!(cause instanceof WrongPassphrase)) throw cause;
    throw new UsageError(`${path}: ${cause.message}`, {
      cause,
      advice:
        "If the passphrase is lost, the recovery key makes a new working key: boardkeeper repo rotate --working-key --use-recovery-key",
    });
  };
}
