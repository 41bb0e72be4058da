import type { Command } from "commander";
import { OperationFailed } from "../../cli/errors.ts";
import { formatRecord, outputOption, printResult, type Format } from "../../cli/output.ts";
import type { Context } from "../../context.ts";
import { publishImage } from "../../images/publish.ts";
import { describeError } from "../../local-hub/lib/log.ts";
import { folderOption, hubFolder, imageServerAdvice, requireHubInfo } from "../hub/folder.ts";

/** `boardkeeper image publish` */
export function addImagePublish(image: Command, { out, err }: Context): void {
  image
    .command("publish")
    .description("copy a file to the image server; print its URL, size and SHA-256")
    .argument("<file>", "the image")
    .addOption(folderOption())
    .addOption(outputOption())
    .action(async (file: string, options: { folder?: string; output: Format }) => {
      const folder = hubFolder(options.folder);
      const { imagesUrl } = await requireHubInfo(folder);
      const published = await publishImage(folder, imagesUrl, file).catch((error: unknown) => {
        throw new OperationFailed(`${file} cannot be published: ${describeError(error)}`, { cause: error });
      });
      printResult(out, options.output, { json: published, text: `${formatRecord({ ...published })}\n` });
      const advice = await imageServerAdvice(folder);
      if (advice !== undefined) {
        err.write(
          `The image is published, but the image server is not running: no device can download it. ${advice}\n`,
        );
      }
    });
}
