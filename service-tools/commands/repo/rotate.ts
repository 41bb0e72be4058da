import { resolve } from "node:path";
import { Option, type Command } from "commander";
import { formatRecord, outputOption, printResult, type Format } from "../../cli/output.ts";
import type { Context } from "../../context.ts";
import { isClockBehind, rotateRoot } from "../../repo/change.ts";
import { readContents, type Contents } from "../../repo/contents.ts";
import { withRepositoryLock } from "../../repo/durable-files.ts";
import type { Signer } from "../../repo/keys.ts";
import { rootFingerprint, rootKeysOf } from "../../repo/metadata.ts";
import { namedKeys, type KeyName, type NewKeys } from "../../repo/rotation.ts";
import { withKeyOptions, type KeyOptions } from "./key-options.ts";
import { KeyRing, keyPath, saveKey } from "./key-ring.ts";
import { newKey } from "./new-key.ts";
import { existingRecoveryKey, newRecoveryKey, requireWayToHandOver } from "./recovery.ts";

/** Where the keys come from that a change of the root needs. */
export interface RotationOptions extends KeyOptions {
  readonly useRecoveryKey?: boolean;
  readonly recoveryKeyFile?: string;
  readonly newKey?: string;
  readonly newSigner?: string;
  readonly newPublicKey?: string;
  readonly newPassphraseFile?: string;
  readonly newRecoveryKeyFile?: string;
}

interface RotateOptions extends RotationOptions {
  readonly workingKey?: boolean;
  readonly recoveryKey?: boolean;
  readonly onlineKey?: boolean;
  readonly output: Format;
}

const explanation = `
Makes the next root, and signs everything again. Boards follow by themselves. Without --working-key, --recovery-key and
--online-key, the same keys are good for another ten years.

Examples:
  boardkeeper repo rotate firmware --working-key                       a new working key
  boardkeeper repo rotate firmware --working-key --use-recovery-key    the same after the passphrase is lost
  boardkeeper repo rotate firmware --online-key --new-key online.json  a key that can only refresh, for a server
  boardkeeper repo rotate firmware --recovery-key                      a new recovery key`;

/** `boardkeeper repo rotate` */
export function addRepoRotate(repo: Command, context: Context): void {
  const command = repo
    .command("rotate")
    .description("replace keys, or renew the root; boards follow by themselves")
    .argument("[dir]", "the folder of the repository", ".")
    .option("--working-key", "make a new working key")
    .option("--recovery-key", "make a new recovery key")
    .addOption(
      new Option("--online-key", "make a key for snapshot and timestamp alone, for a server that refreshes").conflicts(
        "workingKey",
      ),
    )
    .addHelpText("after", explanation);
  withRotationOptions(command)
    .addOption(outputOption())
    .action(async (folder: string, options: RotateOptions) => {
      const { workingKey = false, recoveryKey = false, onlineKey = false } = options;
      const names: KeyName[] = [
        ...(workingKey ? (["working"] as const) : []),
        ...(recoveryKey ? (["recovery"] as const) : []),
        ...(onlineKey ? (["online"] as const) : []),
      ];
      const rotated = await withRepositoryLock(folder, async () =>
        rotate(context, folder, await readContents(folder), options, { replace: names }),
      );
      printRotated(context, options.output, rotated);
    });
}

export function withRotationOptions(command: Command): Command {
  return withKeyOptions(
    command
      .option("--use-recovery-key", "sign the root with the recovery key, which is asked for")
      .option("--recovery-key-file <file>", "sign the root with the recovery key in this file")
      .option("--new-key <file>", "where to keep the new key (default: among this user's keys)")
      .option("--new-passphrase-file <file>", "read the passphrase of the new key from this file")
      .option("--new-signer <program>", "sign with this program from now on")
      .option("--new-public-key <file>", "the public key of that program, in PEM")
      .option(
        "--new-recovery-key-file <file>",
        "write the new recovery key into this new file, instead of printing it",
      ),
  );
}

export interface Rotated {
  readonly rootVersion: number;
  /** What boards show of it before they trust it. */
  readonly fingerprint: string;
  /** The ids of the keys that are new, by their names. */
  readonly newKeys: Readonly<Partial<Record<KeyName, string>>>;
  /** The file of the new working key or online key. */
  readonly keyFile?: string;
}

export function printRotated({ out, err }: Pick<Context, "out" | "err">, format: Format, rotated: Rotated): void {
  const { rootVersion, fingerprint, newKeys, keyFile } = rotated;
  const keys = Object.fromEntries(Object.entries(newKeys).map(([name, id]) => [`${name} key`, id]));
  const record = { root: rootVersion, fingerprint, ...keys, ...(keyFile === undefined ? {} : { "kept in": keyFile }) };
  printResult(out, format, { json: rotated, text: `${formatRecord(record)}\n` });
  err.write("Copy the folder to where boards read it: they follow by themselves.\n");
}

/** What is to become of the keys. */
export interface Rotation {
  /** These get a new key. */
  readonly replace: readonly KeyName[];
  /** These are taken away without a new one. */
  readonly remove?: readonly KeyName[];
  /** Keys that must not sign any more. */
  readonly stolen?: readonly string[];
}

/** Makes new keys, keeps them, and then the root that names them. @throws UsageError, CannotSign, RepositoryBusy */
export async function rotate(
  context: Context,
  folder: string,
  contents: Contents,
  options: RotationOptions,
  { replace, remove = [], stolen = [] }: Rotation,
): Promise<Rotated> {
  if (replace.includes("recovery"))
    requireWayToHandOver(context, options.newRecoveryKeyFile, "--new-recovery-key-file");
  const ring = await openRing(context, contents, options, stolen);
  const { root, targets, snapshot, timestamp } = rootKeysOf(contents.root);
  // The lists are signed again by the working key, unless there will be another one.
  await ring.signersFor(replace.includes("working") ? [root] : [root, targets]);
  const changed: { -readonly [Name in KeyName]?: NewKeys[Name] } = Object.fromEntries(
    remove.map((name) => [name, null]),
  );
  const made: Partial<Record<KeyName, Signer>> = {};
  let keyFile: string | undefined;
  for (const name of replace) {
    if (name === "recovery") {
      made[name] = await newRecoveryKey(context, options.newRecoveryKeyFile);
    } else {
      const key = await newKey(context, name, newKeyOptions(options));
      keyFile = resolve(options.newKey ?? keyPath(context.env, key.signer.key.keyID));
      // First the key: a repository that nobody can sign for is worth nothing.
      await saveKey(keyFile, await key.file(contents.id));
      made[name] = key.signer;
    }
    const signer = made[name];
    changed[name] = signer.key;
    ring.add(signer);
  }
  // Where the former keys are at hand and good, no reader sees a root that does not fit.
  const roles = [targets, snapshot, timestamp].filter((role) => ring.has(role));
  const signers = await ring.signersFor(roles);
  const now = context.now();
  const next = await rotateRoot(folder, contents, changed, signers, now);
  if (isClockBehind(contents, now)) {
    context.err.write(
      `Warning: the repository was last signed at ${contents.issued.toISOString()}, after what this machine's clock says: ${now.toISOString()}. Boards forget that time with the key that is gone. If the clock is wrong, set it, and run boardkeeper repo refresh.\n`,
    );
  }
  const newKeys = Object.fromEntries(Object.entries(made).map(([name, { key }]) => [name, key.keyID]));
  const facts = { rootVersion: next.version, fingerprint: rootFingerprint(next), newKeys };
  return { ...facts, ...(keyFile === undefined ? {} : { keyFile }) };
}

async function openRing(
  context: Context,
  contents: Contents,
  options: RotationOptions,
  stolen: readonly string[],
): Promise<KeyRing> {
  const usesRecoveryKey = options.useRecoveryKey === true || options.recoveryKeyFile !== undefined;
  const lost = usesRecoveryKey ? namedKeys(contents.root).working.map(({ keyID }) => keyID) : [];
  const ring = await KeyRing.open(context, contents, options, [...stolen, ...lost]);
  if (!usesRecoveryKey) return ring;
  const accepted = namedKeys(contents.root)
    .recovery.map(({ keyID }) => keyID)
    .filter((id) => !stolen.includes(id));
  ring.add(await existingRecoveryKey(context, options.recoveryKeyFile, accepted));
  return ring;
}

function newKeyOptions({ newPassphraseFile, newSigner, newPublicKey }: RotationOptions) {
  return {
    ...(newPassphraseFile === undefined ? {} : { passphraseFile: newPassphraseFile }),
    ...(newSigner === undefined ? {} : { signer: newSigner }),
    ...(newPublicKey === undefined ? {} : { publicKey: newPublicKey }),
  };
}
