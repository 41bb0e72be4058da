import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { OperationFailed, UsageError } from "../../cli/errors.ts";
import { outputOption, printResult, type Format } from "../../cli/output.ts";
import type { Context } from "../../context.ts";
import { describeError } from "../../local-hub/lib/log.ts";
import { expiryOf } from "../../repo/expiry.ts";
import { rootFingerprint } from "../../repo/metadata.ts";
import { folderSource, webSource } from "../../repo/source.ts";

interface VerifyOptions {
  readonly root?: string;
  readonly metadataOnly?: boolean;
  readonly output: Format;
}

/** `boardkeeper repo verify` */
export function addRepoVerify(repo: Command, context: Context): void {
  repo
    .command("verify")
    .description("check a repository as a board would: signatures, images, and what will expire")
    .argument("[dir-or-url]", "its folder, or the URL above metadata/", ".")
    .option("--root <file>", "the root that boards have (default: the first one of the repository)")
    .option("--metadata-only", "do not read the images")
    .addOption(outputOption())
    .action(async (place: string, options: VerifyOptions) => {
      const seed = options.root === undefined ? undefined : await readRoot(options.root);
      const source = /^https?:\/\//.test(place) ? webSource(place, context.interrupted) : folderSource(place);
      // Only here: the reference client slows down the start of every other command.
      const { verifyRepository } = await import("../../repo/verify.ts");
      const { contents, images, problems, warnings } = await verifyRepository(source, {
        seed,
        withImages: options.metadataOnly !== true,
        now: context.now(),
        signal: context.interrupted,
      });
      for (const warning of warnings) context.err.write(`Warning: ${warning}\n`);
      if (problems.length > 0) {
        throw new OperationFailed(`${place} must not be served:\n${problems.join("\n")}`);
      }
      const expiry = expiryOf(contents);
      const fingerprint = rootFingerprint(contents.root);
      const lines = [
        `${place} is in order: root ${contents.root.version}, ${images === null ? "images not read" : `${images} ${images === 1 ? "image" : "images"}`}.`,
        `fingerprint of root ${contents.root.version}: ${fingerprint}`,
        ...expiry.map(({ role, expires }) => `${role} expires at ${expires}`),
      ];
      const json = { rootVersion: contents.root.version, fingerprint, images, expiry, warnings };
      printResult(context.out, options.output, { json, text: `${lines.join("\n")}\n` });
    });
}

async function readRoot(path: string): Promise<Uint8Array> {
  return await readFile(path).catch((cause: unknown) => {
    throw new UsageError(`--root: ${path} cannot be read: ${describeError(cause)}.`, { cause });
  });
}
