import type { Command } from "commander";
import { formatTable, outputOption, printResult, type Format } from "../../cli/output.ts";
import type { Context } from "../../context.ts";
import { readContents } from "../../repo/contents.ts";
import { targetFilePath } from "../../../agent/contract/signed-target.ts";

/** `boardkeeper repo list` */
export function addRepoList(repo: Command, { out }: Pick<Context, "out">): void {
  repo
    .command("list")
    .description("list the images of a repository, the newest last")
    .argument("[dir]", "the folder of the repository", ".")
    .addOption(outputOption())
    .action(async (folder: string, { output }: { output: Format }) => {
      const { boards } = await readContents(folder);
      const images = [...boards].flatMap(([board, { files }]) =>
        [...files].map(([path, { sha256, sizeBytes, description }]) =>
          Object.assign({ board, file: targetFilePath(path, sha256), size: sizeBytes, sha256 }, description),
        ),
      );
      const rows = images.map(({ board, version, epoch, kind, installer, size, sha256 }) => ({
        board,
        version,
        epoch,
        kind,
        installer,
        size,
        sha256: `${sha256.slice(0, 12)}…`,
      }));
      const table = formatTable(["board", "version", "epoch", "kind", "installer", "size", "sha256"], rows);
      const text = images.length === 0 ? "Nothing is published yet.\n" : `${table}\n`;
      printResult(out, output, { json: { images }, text });
    });
}
