import { resolve } from "node:path";
import { UsageError } from "../../cli/errors.ts";
import type { Context } from "../../context.ts";
import { describeError } from "../../local-hub/lib/log.ts";
import { readRegularFile } from "../../local-hub/storage/regular-file.ts";
import { newEncryptedKey, programKey, type NewKey } from "../../repo/key-file.ts";
import { parsePublicKey } from "../../repo/keys.ts";
import { programSigner } from "../../repo/program-signer.ts";
import { newPassphrase, type PassphraseOptions } from "./key-options.ts";

/** Where a new key comes from: a passphrase for its file, or a program that has it. */
export interface NewKeyOptions extends PassphraseOptions {
  readonly signer?: string;
  readonly publicKey?: string;
}

/** A key in a file, or the program that has it. @throws UsageError */
export async function newKey(
  context: Pick<Context, "env" | "prompt" | "interrupted" | "passphraseCost">,
  name: string,
  options: NewKeyOptions,
): Promise<NewKey> {
  const { signer: program, publicKey: pemFile } = options;
  if (program === undefined && pemFile === undefined)
    return newEncryptedKey(await newPassphrase(context, options, name), context.passphraseCost);
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
