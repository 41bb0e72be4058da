import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";
import { check } from "../../../agent/contract/check.ts";
import { readCheckValue } from "../../../agent/contract/check-value.ts";
import { firmwareVersion, largestImageBytes, packageUri } from "../../../agent/contract/methods.ts";
import type { UpdateRequest } from "../../boards/update-request.ts";
import { CommandError, UsageError } from "../../cli/errors.ts";
import type { HubAddress } from "../../hub-client/hub-client.ts";
import { describeError } from "../../local-hub/lib/log.ts";
import { formatSize } from "../../cli/units.ts";
import type { Context } from "../../context.ts";

/** The options that name the image of an update. */
export interface ImageOptions {
  readonly uri?: string;
  readonly sha256?: string;
  readonly file?: string;
  readonly repo?: string;
  readonly board?: string;
  readonly version?: string;
  readonly size?: number;
  readonly rehearse?: boolean;
}

export function withImageOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--uri <uri>", "the URI from which the board downloads the image").argParser(uri).conflicts("file"),
    )
    .addOption(new Option("--sha256 <hex>", "the SHA-256 of the image").argParser(digest).conflicts("file"))
    .addOption(
      new Option("--file <path>", "publish this file on the local hub, and update from there").conflicts([
        "uri",
        "sha256",
        "size",
      ]),
    )
    .option(
      "--version <version>",
      "the firmware version that is reported once it runs (default: the beginning of its digest); alone, a signed image of the board's repository",
      version,
    )
    .addOption(
      new Option(
        "--repo <dir>",
        "with --file: sign it, and publish it in this repository, which the board reads",
      ).conflicts(["uri", "sha256", "rehearse"]),
    )
    .option("--board <name>", "with --repo: the board's name there (default: as the board reports it)")
    .option("--size <bytes>", "its size; the board then refuses at once an image that does not fit", bytes)
    .addOption(
      new Option(
        "--rehearse",
        "go through all phases on a simulated board, without downloading or installing",
      ).conflicts(["sha256", "file"]),
    );
}

/** Checks the options before anything is done. @throws UsageError */
export function checkImageOptions(address: HubAddress, options: ImageOptions): void {
  const { uri: uriOption, sha256, file, repo, rehearse } = options;
  if (repo !== undefined && file === undefined) throw new UsageError("--repo publishes a file: name it with --file.");
  if (file !== undefined) {
    if (repo !== undefined || address.isOwnLocalHub) return;
    throw new UsageError(`--file publishes on this user's local hub, but the login is for ${address.hostName}.`, {
      advice: "Copy the file to an HTTPS server that the board can reach; then use --uri and --sha256.",
    });
  }
  if (rehearse === true || (uriOption !== undefined && sha256 !== undefined)) return;
  if (isFromRepository(options)) return;
  const missing =
    uriOption === undefined ? (sha256 === undefined ? "no image named" : "--uri is missing") : "--sha256 is missing";
  throw new UsageError(
    `update: ${missing}. Expected --uri URI with --sha256 HEX, --file PATH, --version VERSION of a signed image, or --rehearse.`,
  );
}

/** True where the board is to find the image in its repository, by its version. */
export function isFromRepository({
  uri: uriOption,
  sha256,
  file,
  repo,
  version: name,
  rehearse,
}: ImageOptions): boolean {
  if (repo !== undefined) return true;
  return (
    name !== undefined && uriOption === undefined && sha256 === undefined && file === undefined && rehearse !== true
  );
}

/** The image that the options name; a file is published first. */
export async function findImage(
  { env, publishImage, err }: Pick<Context, "env" | "publishImage" | "err">,
  options: ImageOptions,
): Promise<Pick<UpdateRequest, "uri" | "sha256" | "sizeBytes">> {
  const { uri: uriOption, sha256, file, size } = options;
  if (file !== undefined) {
    const {
      url,
      size: sizeBytes,
      sha256: measured,
    } = await publishImage(env, file).catch((cause: unknown) => {
      if (cause instanceof CommandError) throw cause;
      throw new UsageError(`--file: ${file} cannot be published: ${describeError(cause)}`, { cause });
    });
    err.write(`Published ${file}, ${formatSize(sizeBytes)}, SHA-256\n${measured}\n`);
    return { uri: url, sha256: measured, sizeBytes };
  }
  if (isFromRepository(options)) return { uri: undefined, sha256, sizeBytes: size };
  return { uri: uriOption ?? "rehearsal", sha256, sizeBytes: size };
}

function uri(text: string): string {
  const checked = check(packageUri, text);
  if (checked.ok) return checked.value;
  throw new InvalidArgumentError("Expected a URI of 1 to 2048 characters without spaces.");
}

function version(text: string): string {
  const checked = check(firmwareVersion, text);
  if (checked.ok) return checked.value;
  throw new InvalidArgumentError(
    "Expected a version of 1 to 64 letters, digits and . _ + ~ : -, beginning with a letter or digit.",
  );
}

function digest(text: string): string {
  const read = readCheckValue(text);
  if (read.kind === "sha256") return read.hex;
  const given = read.kind === "otherNotation" ? read.name : `${text.length} characters`;
  throw new InvalidArgumentError(`Expected the image's SHA-256 in 64 hex digits, got ${given}.`);
}

function bytes(text: string): number {
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  if (count > 0 && count <= largestImageBytes) return count;
  throw new InvalidArgumentError(
    `Expected a number of bytes from 1 to ${largestImageBytes} (${formatSize(largestImageBytes)}).`,
  );
}
