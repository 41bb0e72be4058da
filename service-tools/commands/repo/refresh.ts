import type { Command } from "commander";
import { outputOption, printResult, type Format } from "../../cli/output.ts";
import type { Context } from "../../context.ts";
import { applyChange } from "../../repo/change.ts";
import { readContents, type Contents } from "../../repo/contents.ts";
import { withRepositoryLock } from "../../repo/durable-files.ts";
import { expiryOf, needsRefresh } from "../../repo/expiry.ts";
import { rootKeysOf } from "../../repo/metadata.ts";
import { withKeyOptions, type KeyOptions } from "./key-options.ts";
import { KeyRing } from "./key-ring.ts";

const explanation = `
Boards take metadata of up to a year as fresh. Run this a few times a year, or after publishing nothing for months.
With an online key alone it renews snapshot and timestamp. With the working key it also renews the lists of images, once
a quarter of their two years is over. The root lasts ten years: boardkeeper repo rotate renews it.`;

/** `boardkeeper repo refresh` */
export function addRepoRefresh(repo: Command, context: Context): void {
  const command = repo
    .command("refresh")
    .description("sign again what expires, with nothing else changed")
    .argument("[dir]", "the folder of the repository", ".")
    .addHelpText("after", explanation);
  withKeyOptions(command)
    .addOption(outputOption())
    .action(async (folder: string, options: KeyOptions & { output: Format }) => {
      const expiry = await withRepositoryLock(folder, async () => {
        const contents = await readContents(folder);
        await refresh(context, folder, contents, options);
        return expiryOf(await readContents(folder));
      });
      const text = expiry.map(({ role, expires }) => `${role} expires at ${expires}\n`).join("");
      printResult(context.out, options.output, { json: { expiry }, text });
    });
}

async function refresh(context: Context, folder: string, contents: Contents, options: KeyOptions): Promise<void> {
  const ring = await KeyRing.open(context, contents, options);
  const { targets, snapshot, timestamp } = rootKeysOf(contents.root);
  const isDue = needsRefresh(contents, context.now());
  const resignTargets = isDue && ring.has(targets);
  if (isDue && !resignTargets) {
    context.err.write(
      "Warning: the lists of images should be renewed, too, and their key is not at hand. Run this again with the working key.\n",
    );
  }
  const signers = await ring.signersFor([...(resignTargets ? [targets] : []), snapshot, timestamp]);
  await applyChange(folder, contents, { resignTargets }, signers, context.now());
}
