import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { outputOption, printResult, type Format } from "../../cli/output.ts";
import type { Context } from "../../context.ts";
import { applyChange } from "../../repo/change.ts";
import { readContents } from "../../repo/contents.ts";
import { withRepositoryLock } from "../../repo/durable-files.ts";
import { rootKeysOf, type TargetFiles } from "../../repo/metadata.ts";
import { PublicationRefused, removeVersion } from "../../repo/publication.ts";
import { targetFilePath } from "../../../agent/contract/signed-target.ts";
import { withKeyOptions, type KeyOptions } from "./key-options.ts";
import { KeyRing } from "./key-ring.ts";
import { withRepoOption, type RepoOption } from "../options.ts";

interface RetireOptions extends KeyOptions, RepoOption {
  readonly board?: string;
  readonly output: Format;
}

/** `boardkeeper repo retire` */
export function addRepoRetire(repo: Command, context: Context): void {
  const command = repo
    .command("retire")
    .description("take a version back: boards no longer install it; those that run it go on")
    .argument("<version>", "the version");
  withKeyOptions(
    withRepoOption(command).option("--board <name>", "only for this board (default: for all that have it)"),
  )
    .addOption(outputOption())
    .action(async (version: string, options: RetireOptions) => {
      const boards = await withRepositoryLock(options.repo, () => retire(context, version, options));
      const text = `Version ${version} is retired for ${boards.join(", ")}.\n`;
      printResult(context.out, options.output, { json: { version, boards }, text });
    });
}

async function retire(context: Context, version: string, options: RetireOptions): Promise<string[]> {
  const { repo: folder, board } = options;
  const contents = await readContents(folder);
  const having = [...contents.boards].filter(([, { files }]) =>
    [...files.values()].some(({ description }) => description.version === version),
  );
  const names = board === undefined ? having.map(([name]) => name) : [board];
  if (names.length === 0)
    throw new PublicationRefused(`No board has a version ${version}. See what there is: boardkeeper repo list`);
  const removed = names.map((name) => ({ name, ...removeVersion(contents, name, version) }));
  const boards = new Map<string, TargetFiles>(removed.map(({ name, files }) => [name, files]));
  const ring = await KeyRing.open(context, contents, options);
  const { targets, snapshot, timestamp } = rootKeysOf(contents.root);
  await applyChange(folder, contents, { boards }, await ring.signersFor([targets, snapshot, timestamp]), context.now());
  // Only now: until then the metadata named them. A file that stays after a crash harms nobody.
  for (const { path, entry } of removed) await rm(join(folder, targetFilePath(path, entry.sha256)), { force: true });
  return names;
}
