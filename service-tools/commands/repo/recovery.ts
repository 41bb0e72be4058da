import { open, readFile } from "node:fs/promises";
import { UsageError } from "../../cli/errors.ts";
import type { Context } from "../../context.ts";
import { describeError } from "../../local-hub/lib/log.ts";
import { readRegularFile } from "../../local-hub/storage/regular-file.ts";
import { newSeed, seedSigner, type Signer } from "../../repo/keys.ts";
import { formatRecoveryKey, parseRecoveryKey } from "../../repo/recovery-key.ts";

/* Handing a recovery key over to a person or a vault, and taking it back. */

type AskingContext = Pick<Context, "err" | "prompt">;

/** @throws UsageError where a new recovery key can neither be typed back nor written */
export function requireWayToHandOver({ prompt }: AskingContext, file: string | undefined, option: string): void {
  if (file !== undefined || prompt.isInteractive) return;
  throw new UsageError("The recovery key must be typed back, and nobody can be asked: this is no terminal.", {
    advice: `Name a new file for it with ${option}. Keep that file off this machine afterwards.`,
  });
}

/**
 * Makes a recovery key and hands it over: on paper, until it was typed back; or in a file, until it was read back.
 * @throws UsageError
 */
export async function newRecoveryKey(context: AskingContext, file: string | undefined): Promise<Signer> {
  const seed = newSeed();
  const text = formatRecoveryKey(seed);
  const signer = seedSigner(seed);
  if (file === undefined) await handOver(context, text, signer);
  else await writeRecoveryKey(file, text, signer);
  return signer;
}

async function handOver({ err, prompt }: AskingContext, text: string, signer: Signer): Promise<void> {
  err.write(
    "\nThis is the recovery key. It replaces a working key that is lost or stolen; whoever has it owns your boards.\n" +
      `Write it on paper, and keep that where you keep contracts. It is not shown again.\n\n${text.replaceAll(/^/gm, "    ")}\n\n` +
      "Type it back from the paper, to prove that it can be read.\n",
  );
  for (;;) {
    const read = parseRecoveryKey(await askRecoveryKey(prompt));
    if (read.ok && seedSigner(read.seed).key.keyID === signer.key.keyID) return;
    err.write(`That is not the key: ${read.ok ? "it is another one" : read.problem}. Compare, and type it again.\n`);
  }
}

async function askRecoveryKey(prompt: Context["prompt"]): Promise<string> {
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
    if (read.ok && seedSigner(read.seed).key.keyID === signer.key.keyID) return;
    throw new Error("it holds something else than what was written");
  } catch (cause) {
    throw new UsageError(`The recovery key cannot be written to ${file} as a new file: ${describeError(cause)}.`, {
      cause,
    });
  }
}

/**
 * The recovery key of a repository, from a file or from a person, who may try three times.
 * @param keyIds those that the root accepts
 * @throws UsageError
 */
export async function existingRecoveryKey(
  { err, prompt }: AskingContext,
  file: string | undefined,
  keyIds: readonly string[],
): Promise<Signer> {
  if (file !== undefined) {
    const text = await readRegularFile(file).catch((cause: unknown) => {
      throw new UsageError(`--recovery-key-file: ${file} cannot be read: ${describeError(cause)}.`, { cause });
    });
    const read = readFor(text, keyIds);
    if (typeof read !== "string") return read;
    throw new UsageError(`--recovery-key-file: ${file} does not hold the recovery key of this repository: ${read}.`);
  }
  if (!prompt.isInteractive) {
    throw new UsageError("The recovery key is needed, and nobody can be asked: this is no terminal.", {
      advice: "Name a file that holds it with --recovery-key-file.",
    });
  }
  err.write("Type the recovery key of this repository.\n");
  for (let attempt = 1; ; attempt += 1) {
    const read = readFor(await askRecoveryKey(prompt), keyIds);
    if (typeof read !== "string") return read;
    if (attempt === 3) throw new UsageError(`That is not the recovery key of this repository: ${read}.`);
    err.write(`That is not the recovery key: ${read}. Compare, and type it again.\n`);
  }
}

/** The key, or why it is none of these. */
function readFor(text: string, keyIds: readonly string[]): Signer | string {
  const read = parseRecoveryKey(text);
  if (!read.ok) return read.problem;
  const signer = seedSigner(read.seed);
  return keyIds.includes(signer.key.keyID) ? signer : "it is that of another repository, or one that was replaced";
}
