import { resolve } from "node:path";
import type { Command } from "commander";
import { formatRecord, outputOption, printResult, type Format } from "../../cli/output.ts";
import type { Context } from "../../context.ts";
import { newRoot, prepareFolder } from "../../repo/create.ts";
import { shellQuote } from "../hub/folder.ts";
import { withPassphraseOptions } from "./key-options.ts";
import { keyPath, saveKey } from "./key-ring.ts";
import { newKey, type NewKeyOptions } from "./new-key.ts";
import { newRecoveryKey, requireWayToHandOver } from "./recovery.ts";

interface InitOptions extends NewKeyOptions {
  readonly key?: string;
  readonly recoveryKeyFile?: string;
  readonly output: Format;
}

const explanation = `
Makes two keys. The working key signs what you publish; it is kept in a file, encrypted with your passphrase. The recovery
key is printed once: write it down and lock it away. Either of them can replace the other one.

Examples:
  boardkeeper repo init ~/firmware
  boardkeeper repo init firmware --passphrase-file pass --recovery-key-file recovery
  boardkeeper repo init firmware --signer ./sign-with-yubikey --public-key yubikey.pem`;

/** `boardkeeper repo init` */
export function addRepoInit(repo: Command, context: Context): void {
  const command = repo
    .command("init")
    .description("make a repository of signed images, its working key and its recovery key")
    .argument("<dir>", "the folder to make it in")
    .option("--key <file>", "where to keep the working key (default: among this user's keys)")
    .option("--recovery-key-file <file>", "write the recovery key into this new file, instead of printing it")
    .option("--signer <program>", "sign with this program instead: bytes on its input, signature on its output")
    .option("--public-key <file>", "the public key of that program, in PEM: ed25519, or ECDSA on P-256")
    .addHelpText("after", explanation);
  withPassphraseOptions(command)
    .addOption(outputOption())
    .action((folder: string, options: InitOptions) => initialize(context, folder, options));
}

async function initialize(context: Context, folder: string, options: InitOptions): Promise<void> {
  const { out, err } = context;
  requireWayToHandOver(context, options.recoveryKeyFile, "--recovery-key-file");
  await prepareFolder(folder);
  const working = await newKey(context, "working", options);
  const recovery = await newRecoveryKey(context, options.recoveryKeyFile);
  const root = await newRoot(working.signer, recovery, context.now());
  const path = resolve(options.key ?? keyPath(context.env, working.signer.key.keyID));
  // First the key: a repository that nobody can sign for is worth nothing.
  await saveKey(path, await working.file(root.id));
  await root.create(folder);
  const made = {
    repository: resolve(folder),
    root: resolve(folder, "metadata", "1.root.json"),
    fingerprint: root.fingerprint,
    workingKey: path,
    workingKeyId: working.signer.key.keyID,
    recoveryKeyId: recovery.key.keyID,
  };
  printResult(out, options.output, { json: made, text: `${formatRecord({ ...made })}\n` });
  err.write(
    `\nPublish an image:\n  boardkeeper repo publish FILE --repo ${shellQuote(folder)} --version 1.0.0 --board NAME\n` +
      "Give the file root to your boards, as docs/repository.md says.\n",
  );
}
