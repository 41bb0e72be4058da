import { createHash } from "node:crypto";
import { InvalidArgumentError, Option, type Command } from "commander";
import { check } from "../../../agent/contract/check.ts";
import { firmwareVersion } from "../../../agent/contract/methods.ts";
import {
  boardName,
  signedTargetSchema,
  toBoardName,
  type TargetDescription,
} from "../../../agent/contract/signed-target.ts";
import { UsageError } from "../../cli/errors.ts";
import { formatRecord, outputOption, printResult, type Format } from "../../cli/output.ts";
import { formatSize } from "../../cli/units.ts";
import type { Context } from "../../context.ts";
import { describeError } from "../../local-hub/lib/log.ts";
import { openRegularFile } from "../../local-hub/storage/regular-file.ts";
import { applyChange } from "../../repo/change.ts";
import { readContents, type Contents } from "../../repo/contents.ts";
import { withRepositoryLock } from "../../repo/durable-files.ts";
import { rootKeysOf } from "../../repo/metadata.ts";
import { addImage, newestEpoch, PublicationRefused, versionInName } from "../../repo/publication.ts";
import { stageImage, type StagedImage } from "../../repo/stage-image.ts";
import { withKeyOptions, type KeyOptions } from "./key-options.ts";
import { KeyRing } from "./key-ring.ts";
import { withRepoOption, type RepoOption } from "../options.ts";

/** What a publisher says of an image; what is left out is found out. */
interface PublishOptions extends KeyOptions, RepoOption {
  readonly version?: string;
  readonly board?: readonly string[];
  readonly epoch?: number;
  readonly kind: "security" | "feature";
  readonly minAgent?: string;
  readonly minPrevious?: number;
  readonly installer?: string;
  readonly notes?: string;
  readonly sbom?: string;
  readonly option?: Readonly<Record<string, string>>;
}

const examples = `
FILE is a tar (plain, gzip, xz or zstd), any other image, or a folder, which is packed.

Examples:
  boardkeeper repo publish app-1.2.0.tar.gz --repo firmware --board acme,gateway
  boardkeeper repo publish build/ --repo firmware --version 1.2.0 --board acme,gateway --kind security
  boardkeeper repo publish system.img --repo firmware --version 7 --board raspberrypi,4-model-b --epoch 3`;

/** `boardkeeper repo publish` */
export function addRepoPublish(repo: Command, context: Context): void {
  const command = repo
    .command("publish")
    .description("sign an image for boards, and put it into the repository")
    .argument("<file>", "the image, or a folder to pack");
  withRepoOption(command)
    .option("--version <version>", "its version (default: the one in the file's name, if that is clear)", version)
    .option("--board <name>", "a board it is for; repeat it for more (default: the repository's only one)", boards)
    .option(
      "--epoch <number>",
      "its place in the order: a board never goes below that of what it runs (default: as the newest)",
      wholeNumber,
    )
    .addOption(new Option("--kind <kind>", "what it is for").choices(["security", "feature"]).default("feature"))
    .option("--min-agent <version>", "the oldest agent that may install it")
    .option("--min-previous <epoch>", "the lowest epoch of a board that may install it", wholeNumber)
    .option("--installer <name>", "release, command … (default: release for an archive, else command)")
    .option("--option <key=value>", "something that the installer must know; repeat it for more", pair)
    .option("--notes <text>", "what is new, in at most 1000 characters")
    .option("--sbom <file>", "a bill of materials, whose SHA-256 is signed as well")
    .addHelpText("after", examples);
  withKeyOptions(command)
    .addOption(outputOption())
    .action(async (file: string, options: PublishOptions & { readonly output: Format }) => {
      const published = await publish(context, file, options);
      printResult(context.out, options.output, {
        json: published,
        text: `${formatRecord({ ...published, boards: published.boards.join(" ") })}\n`,
      });
    });
}

export interface Published {
  readonly version: string;
  readonly boards: readonly string[];
  readonly epoch: number;
  readonly installer: string;
  readonly sha256: string;
  readonly size: number;
  readonly contentSha256: string;
  readonly contentSize: number;
  /** The first of its paths below `targets/`. */
  readonly target: string;
}

/** Publishes an image. Repeated with the same image and options, it changes nothing. */
export async function publish(context: Context, file: string, options: PublishOptions): Promise<Published> {
  const sbomSha256 = options.sbom === undefined ? undefined : await digestOf(options.sbom);
  return await withRepositoryLock(options.repo, async () => {
    const contents = await readContents(options.repo);
    const image = await stageImage(options.repo, file, context.interrupted);
    try {
      const description = describe(context, file, image, contents, { ...options, sbomSha256 });
      const { boards: changed, paths, isUnchanged } = addImage(contents, image, description);
      if (isUnchanged) context.err.write(`${description.version} is published already. Nothing has changed.\n`);
      await image.place(paths);
      if (!isUnchanged) {
        const ring = await KeyRing.open(context, contents, options);
        const { targets, snapshot, timestamp } = rootKeysOf(contents.root);
        const signers = await ring.signersFor([targets, snapshot, timestamp]);
        await applyChange(options.repo, contents, { boards: changed }, signers, context.now());
      }
      const { version: name, boards: names, epoch, installer, contentSha256, contentSize } = description;
      const [target = ""] = paths.values();
      const { sha256, sizeBytes: size } = image;
      return { version: name, boards: names, epoch, installer, sha256, size, contentSha256, contentSize, target };
    } finally {
      await image.discard();
    }
  });
}

/** What is signed of the image. Tells what it has found out. */
function describe(
  { err }: Pick<Context, "err">,
  file: string,
  { content, sizeBytes }: StagedImage,
  contents: Contents,
  options: PublishOptions & { readonly sbomSha256: string | undefined },
): TargetDescription {
  const names = options.board ?? onlyBoard(contents);
  const chosen = options.version ?? versionInName(file);
  if (chosen === undefined) throw new UsageError(`${file} does not say which version it is. Name it with --version.`);
  if (sizeBytes === 0) throw new UsageError(`${file} is empty.`);
  const installer = options.installer ?? (content.kind === "other" ? "command" : "release");
  if (installer === "release" && content.kind !== "archive") {
    throw new PublicationRefused(
      content.refusal === undefined
        ? `${file} is no tar archive, and the installer release unpacks nothing else. Pack it, or name another --installer.`
        : `Boards would refuse ${file}: ${content.refusal.message}`,
    );
  }
  const newest = newestEpoch(contents, names);
  const epoch = options.epoch ?? newest;
  if (epoch < newest) {
    err.write(
      `Warning: epoch ${epoch} is below ${newest}: boards that have run an image of epoch ${newest} refuse this one.\n`,
    );
  }
  if (options.minPrevious !== undefined && options.minPrevious > epoch) {
    throw new UsageError(
      `--min-previous ${options.minPrevious} is above the epoch ${epoch}: no board could install it.`,
    );
  }
  const { contentSha256, contentSize, compression } = content;
  const found = [
    ...(options.version === undefined ? [`version ${chosen} (from its name)`] : []),
    `${compression === null ? "" : `${compression}, `}${content.kind === "other" ? "no archive" : "an archive"} of ${formatSize(contentSize)}`,
    `installer ${installer}`,
    `epoch ${epoch}`,
    ...(options.board === undefined ? [`board ${names.join(" ")}`] : []),
  ];
  err.write(`${file}: ${found.join(", ")}\n`);
  const checked = check(signedTargetSchema, {
    version: chosen,
    epoch,
    kind: options.kind,
    boards: names,
    minAgent: options.minAgent,
    minPrevious: options.minPrevious,
    installer,
    options: options.option ?? {},
    contentSha256,
    contentSize,
    sbomSha256: options.sbomSha256,
    notes: options.notes,
  });
  if (checked.ok) return checked.value;
  throw new UsageError(`publish: ${checked.problems.join("; ")}`);
}

function onlyBoard(contents: Contents): readonly string[] {
  const names = [...contents.boards.keys()];
  if (names.length === 1) return names;
  const known = names.length === 0 ? "" : ` The repository has: ${names.join(", ")}.`;
  throw new UsageError(`No board is named. Say with --board for which boards the image is.${known}`, {
    advice: "A board shows its names with: boardkeeper-agent status",
  });
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  const file = await openRegularFile(path).catch((cause: unknown) => {
    throw new UsageError(`--sbom: ${path} cannot be read: ${describeError(cause)}.`, { cause });
  });
  for await (const chunk of file.createReadStream() as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest("hex");
}

function version(text: string): string {
  if (check(firmwareVersion, text).ok) return text;
  throw new InvalidArgumentError(
    "Expected a version of 1 to 64 letters, digits and . _ + ~ : -, beginning with a letter or digit.",
  );
}

function boards(text: string, former: readonly string[] = []): readonly string[] {
  if (check(boardName, text).ok) return [...new Set([...former, text])];
  const near = toBoardName(text);
  throw new InvalidArgumentError(
    `Expected a board's name of 1 to 64 letters, digits and , . _ + -${near === undefined ? "." : `, such as ${near}.`}`,
  );
}

function wholeNumber(text: string): number {
  const number = /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  if (number !== undefined) return number;
  throw new InvalidArgumentError("Expected a whole number from 0 on.");
}

function pair(text: string, former: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const [, key, value] = /^([A-Za-z][\w.-]*)=(.*)$/s.exec(text) ?? [];
  if (key === undefined || value === undefined) throw new InvalidArgumentError("Expected KEY=VALUE.");
  return { ...former, [key]: value };
}
