import type { Command } from "commander";
import { outputOption, type Format } from "../../cli/output.ts";
import type { Context } from "../../context.ts";
import { readContents } from "../../repo/contents.ts";
import { withRepositoryLock } from "../../repo/durable-files.ts";
import { findKey, type KeyName } from "../../repo/rotation.ts";
import { printRotated, rotate, withRotationOptions, type Rotation, type RotationOptions } from "./rotate.ts";

const explanation = `
Makes a root without the key, and signs everything again. The stolen key signs nothing of that.
  working    the recovery key signs the root, and a new working key is made
  recovery   the working key signs the root, and a new recovery key is made
  online     the working key signs the root, and snapshot and timestamp from now on
A thief of the working key or the recovery key can do the same: be quick, and look at what is published afterwards.

Example:
  boardkeeper repo revoke working firmware`;

/** `boardkeeper repo revoke` */
export function addRepoRevoke(repo: Command, context: Context): void {
  const command = repo
    .command("revoke")
    .description("take a stolen key out; boards follow by themselves")
    .argument("<key>", "working, recovery, online, or the beginning of a key's id")
    .argument("[dir]", "the folder of the repository", ".")
    .addHelpText("after", explanation);
  withRotationOptions(command)
    .addOption(outputOption())
    .action(async (given: string, folder: string, options: RotationOptions & { output: Format }) => {
      const rotated = await withRepositoryLock(folder, async () => {
        const contents = await readContents(folder);
        const { name, keys } = findKey(contents.root, given);
        const rotation = { ...rotationWithout(name), stolen: keys.map(({ keyID }) => keyID) };
        const needed =
          name === "working" && options.recoveryKeyFile === undefined ? { ...options, useRecoveryKey: true } : options;
        return await rotate(context, folder, contents, needed, rotation);
      });
      printRotated(context, options.output, rotated);
      context.err.write(`Look at what is published, too: boardkeeper repo list ${folder}\n`);
    });
}

function rotationWithout(name: KeyName): Rotation {
  return name === "online" ? { replace: [], remove: [name] } : { replace: [name] };
}
