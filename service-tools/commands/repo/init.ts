import { open, readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Option, type Command } from "commander";
import { UsageError } from "../../cli/errors.ts";
import { formatRecord, outputOption, printResult, type Format } from "../../cli/output.ts";
import type { Context } from "../../context.ts";
import { describeError } from "../../local-hub/lib/log.ts";
import { readRegularFile } from "../../local-hub/storage/regular-file.ts";
import { newRoot, prepareFolder } from "../../repo/create.ts";
import { newEncryptedKey, programKey, type NewKey } from "../../repo/key-file.ts";
import { newSeed, parsePublicKey, seedSigner, type Signer } from "../../repo/keys.ts";
import { programSigner } from "../../repo/program-signer.ts";
import { formatRecoveryKey, parseRecoveryKey } from "../../repo/recovery-key.ts";
import { shellQuote } from "../hub/folder.ts";
import { newPassphrase, withPassphraseOptions, type PassphraseOptions } from "./key-options.ts";
import { keyPath, saveKey } from "./key-ring.ts";

interface NewKeyOptions extends PassphraseOptions {
  readonly key?: string;
  readonly signer?: string;
  readonly publicKey?: string;
}

interface InitOptions extends NewKeyOptions {
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
    .addOption(
      new Option("--recovery-key-file <file>", "write the recovery key into this new file, instead of printing it"),
    )
    .addHelpText("after", explanation);
  withNewKeyOptions(command)
    .addOption(outputOption())
    .action((folder: string, options: InitOptions) => initialize(context, folder, options));
}

/** Where a new working key comes from. */
export function withNewKeyOptions(command: Command): Command {
  return withPassphraseOptions(
    command
      .option("--key <file>", "where to keep the working key (default: among this user's keys)")
      .option("--signer <program>", "sign with this program instead: bytes on its input, signature on its output")
      .option("--public-key <file>", "the public key of that program, in PEM: ed25519, or ECDSA on P-256"),
  );
}

async function initialize(context: Context, folder: string, options: InitOptions): Promise<void> {
  const { out, err, prompt } = context;
  if (options.recoveryKeyFile === undefined && !prompt.isInteractive) {
    throw new UsageError("The recovery key must be typed back, and nobody can be asked: this is no terminal.", {
      advice: "Name a file for it with --recovery-key-file. Keep that file off this machine afterwards.",
    });
  }
  await prepareFolder(folder);
  const working = await newWorkingKey(context, options);
  const recovery = await newRecoveryKey(context, options.recoveryKeyFile);
  const root = await newRoot(working.signer, recovery, context.now());
  const path = resolve(options.key ?? keyPath(context.env, working.signer.key.keyID));
  // First the key: a repository that nobody can sign for is worth nothing.
  await saveKey(path, await working.file(root.id));
  await root.create(folder);
  const made = {
    repository: resolve(folder),
    root: resolve(folder, "metadata", "1.root.json"),
    fingerprint: root.id,
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

/** A key in a file, or the program that has it. @throws UsageError */
export async function newWorkingKey(context: Context, options: NewKeyOptions): Promise<NewKey> {
  const { signer: program, publicKey: pemFile } = options;
  if (program === undefined && pemFile === undefined) return newEncryptedKey(await newPassphrase(context, options));
  if (program === undefined || pemFile === undefined) {
    throw new UsageError(
      "--signer and --public-key belong together: the program that signs, and the file of its public key.",
    );
  }
  const pem = await readRegularFile(pemFile).catch((cause: unknown) => {
    throw new UsageError(`--public-key: ${pemFile} cannot be read: ${describeError(cause)}.`, { cause });
  });
  try {
    const key = parsePublicKey(pem);
    const absolute = program.includes("/") ? resolve(program) : program;
    return {
      signer: programSigner(absolute, key, context.interrupted),
      file: (repository) => Promise.resolve(programKey(key, pem, absolute, repository)),
    };
  } catch (cause) {
    throw new UsageError(`--public-key: ${pemFile}: ${describeError(cause)}.`, { cause });
  }
}

/**
 * Makes a recovery key and hands it over: on paper, until it was typed back; or in a file, until it was read back.
 * @throws UsageError
 */
export async function newRecoveryKey(
  context: Pick<Context, "err" | "prompt">,
  file: string | undefined,
): Promise<Signer> {
  const seed = newSeed();
  const text = formatRecoveryKey(seed);
  const signer = seedSigner(seed);
  if (file === undefined) await handOver(context, text, signer);
  else await writeRecoveryKey(file, text, signer);
  return signer;
}

async function handOver({ err, prompt }: Pick<Context, "err" | "prompt">, text: string, signer: Signer): Promise<void> {
  err.write(
    `\nThis is the recovery key. It replaces a working key that is lost or stolen; whoever has it owns your boards.\nWrite it on paper, and keep that where you keep contracts. It is not shown again.\n\n${text.replaceAll(/^/gm, "    ")}\n\nType it back from the paper, to prove that it can be read.\n`,
  );
  for (;;) {
    const typed = await askRecoveryKey(prompt);
    const read = parseRecoveryKey(typed);
    if (read.ok && seedSigner(read.seed).key.keyID === signer.key.keyID) return;
    err.write(`That is not the key: ${read.ok ? "it is another one" : read.problem}. Compare, and type it again.\n`);
  }
}

/** Asks for both lines of a recovery key. */
export async function askRecoveryKey(prompt: Context["prompt"]): Promise<string> {
  return `${await prompt.line("First line:  ")}\n${await prompt.line("Second line: ")}`;
}

/** For a program that takes it from there, such as a vault's. */
async function writeRecoveryKey(file: string, text: string, signer: Signer): Promise<void> {
  try {
    const handle = await open(file, "wx", 0o600);
    try {
      await handle.writeFile(`${text}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    const read = parseRecoveryKey(await readFile(file, "utf8"));
    if (!read.ok || seedSigner(read.seed).key.keyID !== signer.key.keyID)
      throw new Error("it holds something else than what was written");
  } catch (cause) {
    throw new UsageError(`--recovery-key-file: ${file} cannot be written as a new file: ${describeError(cause)}.`, {
      cause,
    });
  }
}
