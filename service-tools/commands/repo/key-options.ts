import { readFileSync } from "node:fs";
import { InvalidArgumentError, Option, type Command } from "commander";
import { UsageError } from "../../cli/errors.ts";
import type { Context } from "../../context.ts";
import { describeError } from "../../local-hub/lib/log.ts";
import { readRegularFile } from "../../local-hub/storage/regular-file.ts";

/* Where the secrets of `boardkeeper repo` come from: a question, a file, a descriptor; never an argument, which every user can read. */

export interface PassphraseOptions {
  readonly passphraseFile?: string;
  readonly passphraseFd?: number;
}

export interface KeyOptions extends PassphraseOptions {
  readonly key?: string;
  readonly signer?: string;
}

const group = "Keys:";

export function withPassphraseOptions(command: Command): Command {
  const file = new Option(
    "--passphrase-file <file>",
    "read the passphrase from this file (default: BOARDKEEPER_PASSPHRASE_FILE; else it is asked)",
  );
  const descriptor = new Option("--passphrase-fd <number>", "read it from this file descriptor")
    .argParser(fileDescriptor)
    .conflicts("passphraseFile");
  for (const option of [file, descriptor]) command.addOption(option.helpGroup(group));
  return command;
}

export function withKeyOptions(command: Command): Command {
  const key = new Option("--key <file>", "the file of the working key (default: it is found among this user's keys)");
  const signer = new Option(
    "--signer <program>",
    "sign with this program: bytes on its input, signature on its output",
  );
  for (const option of [key, signer]) command.addOption(option.helpGroup(group));
  return withPassphraseOptions(command);
}

function fileDescriptor(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected the number of an open file descriptor.");
}

/** The passphrase that the options or the environment name; undefined where a person must be asked. @throws UsageError */
export async function givenPassphrase(
  { env }: Pick<Context, "env">,
  { passphraseFile, passphraseFd }: PassphraseOptions,
): Promise<string | undefined> {
  if (passphraseFd !== undefined) {
    return firstLine(`--passphrase-fd ${passphraseFd}`, () => Promise.resolve(readFileSync(passphraseFd, "utf8")));
  }
  const file = passphraseFile ?? (env["BOARDKEEPER_PASSPHRASE_FILE"] || undefined);
  return file === undefined ? undefined : firstLine(file, () => readRegularFile(file));
}

async function firstLine(what: string, read: () => Promise<string>): Promise<string> {
  const text = await read().catch((cause: unknown) => {
    throw new UsageError(`The passphrase cannot be read from ${what}: ${describeError(cause)}.`, { cause });
  });
  const [line = ""] = text.split(/\r?\n/, 1);
  if (line === "") throw new UsageError(`${what} begins with an empty line: there is no passphrase in it.`);
  return line;
}

/** Asks for a passphrase. @throws UsageError where nobody can answer */
export async function askPassphrase({ prompt }: Pick<Context, "prompt">, question: string): Promise<string> {
  if (prompt.isInteractive) return prompt.secret(question);
  throw new UsageError("A passphrase is needed, and nobody can be asked: this is no terminal.", {
    advice:
      "Name a file that holds it, with --passphrase-file or BOARDKEEPER_PASSPHRASE_FILE, or a descriptor, with --passphrase-fd.",
  });
}

/** Guessing a shorter one would take a thief of the file hours. */
const shortestPassphrase = 10;

/**
 * A passphrase for a new key: given, or asked for twice.
 * @param name "working" @throws UsageError
 */
export async function newPassphrase(
  context: Pick<Context, "env" | "prompt">,
  options: PassphraseOptions,
  name: string,
): Promise<string> {
  const given = await givenPassphrase(context, options);
  const passphrase = given ?? (await askPassphrase(context, `A passphrase for the ${name} key: `));
  if (passphrase.length < shortestPassphrase) {
    throw new UsageError(`The passphrase has fewer than ${shortestPassphrase} characters. Take a few words.`);
  }
  if (given === undefined && (await askPassphrase(context, "The same once more: ")) !== passphrase) {
    throw new UsageError("The two passphrases differ. Nothing was made; try again.");
  }
  return passphrase;
}
