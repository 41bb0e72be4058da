import { Command } from "commander";
import { OperationFailed } from "../../cli/errors.ts";
import { publishImage } from "../../images/publish.ts";
import { describeError } from "../../local-hub/lib/log.ts";
import { outputOption, renderRecord } from "../../cli/output.ts";
import type { Format, Output } from "../../cli/output.ts";
import { folderOption, hubFolder, imagesAdvice, nobodyServesImages, requireHubContext } from "../hub/folder.ts";
import { imageServeCommand } from "./serve.ts";

export function imageCommand(output: Output): Command {
  return new Command("image")
    .description("firmware images, served to devices over HTTPS")
    .addCommand(publishCommand(output))
    .addCommand(imageServeCommand(output));
}

function publishCommand(output: Output): Command {
  return new Command("publish")
    .description("copy a file to the image server and show its URL, size and SHA-256")
    .argument("<file>", "the image")
    .addOption(folderOption())
    .addOption(outputOption())
    .action(async (file: string, options: { folder?: string; output: Format }) => {
      const folder = hubFolder(options.folder);
      const context = await requireHubContext(folder);
      const image = await publishImage(folder, context.imagesUrl, file).catch((error: unknown) => {
        throw new OperationFailed(`${file} cannot be published: ${describeError(error)}`, { cause: error });
      });
      output.result(renderRecord(options.output, { ...image }));
      const advice = await imagesAdvice(folder);
      if (advice !== undefined) output.note(`The image is published, but ${nobodyServesImages} ${advice}`);
    });
}
