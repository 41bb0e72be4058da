import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { callMethod, uploadImage, type LocalApiReply } from "../../board/local-api/client.ts";
import { readCheckValue } from "../../contract/check-value.ts";
import { isJsonObject, type JsonObject } from "../../contract/json.ts";
import { targetFilePath } from "../../contract/signed-target.ts";
import { errorMessage } from "../../lib/errors.ts";
import { UsageError, type Arguments } from "../arguments.ts";
import { trustAccess, type TrustAccess } from "../trust-access.ts";
import { inspectTrust } from "../inspect-trust.ts";
import { offerRepository, openRepositoryImage, type RepositoryImage } from "../local-repository.ts";
import { CommandFailed, inspectTargetConfig, type Terminal } from "../command-context.ts";
import { formatInstallProgress, type InstallProgress } from "../format/format-install-progress.ts";
import { startAdvice } from "./service.ts";

const pollIntervalMs = 500;

/** What firmwareUpdate needs of an image, apart from the operation id. */
type ImageRequest = JsonObject;

/** `boardkeeper-agent install`: the same update as one that the hub asks for, requested on the board. */
export async function install(args: Arguments, terminal: Terminal): Promise<number> {
  const { stateDir, request: image } =
    args.repository === undefined
      ? await requestImage(args, terminal)
      : await requestFromRepository(args, args.repository, terminal);
  const requestedId = args.operationId ?? newOperationId();
  const request = { ...image, operationId: requestedId };
  const reply = expectSuccess(await callMethod(stateDir, "firmwareUpdate", request), await startAdvice());
  const operationId = typeof reply["operationId"] === "string" ? reply["operationId"] : requestedId;
  terminal.note(`${sentenceIn(reply)} (${operationId})\n`);
  if (reply["already"] === true || args.noWait) {
    if (args.json) printJson(terminal, { operationId, outcome: "begun" });
    return 0;
  }
  const { sentence, ...end } = await follow(stateDir, operationId, terminal);
  if (args.json) printJson(terminal, { operationId, ...end });
  if (end.outcome !== "completed") throw new CommandFailed(sentence);
  if (!args.json) terminal.out(`${sentence}\n`);
  return 0;
}

function newOperationId(): string {
  return `install-${randomUUID().slice(0, 12)}`;
}

/** An image from a file or an address, by the digest that the caller gives. */
async function requestImage(
  args: Arguments,
  terminal: Terminal,
): Promise<{ readonly stateDir: string; readonly request: ImageRequest }> {
  const { operand } = args;
  if (operand === undefined)
    throw new UsageError("The image is missing. Name a file, or an https:// address.", "install");
  const digest = digestIn(args.sha256);
  if (digest === undefined)
    throw new UsageError(
      "--sha256: expected the SHA-256 of the image, 64 hex digits; it is required without --repository.",
      "install",
    );
  const { stateDir } = await inspectTargetConfig(args, terminal);
  const image = isAddress(operand)
    ? { fwPackageUri: operand }
    : await uploadFile(stateDir, operand, { path: operand, sizeBytes: await sizeOf(operand) }, digest, terminal);
  const version = args.firmwareVersion === undefined ? {} : { fwVersion: args.firmwareVersion };
  return { stateDir, request: { ...image, ...version, fwPackageCheckValue: digest } };
}

/** An image that a signed repository lists; its bytes come from a file, or from the repository itself. */
async function requestFromRepository(
  args: Arguments,
  repository: string,
  terminal: Terminal,
): Promise<{ readonly stateDir: string; readonly request: ImageRequest }> {
  const { operand: file, firmwareVersion: version } = args;
  if (file !== undefined && isAddress(file))
    throw new UsageError("With --repository the image is a file, or lies in the repository.", "install");
  if (file === undefined && version === undefined && args.sha256 === undefined)
    throw new UsageError("Say which image: FILE, --firmware-version, or --sha256.", "install");
  const wanted = digestIn(args.sha256) ?? (file === undefined ? undefined : await digestOf(file));
  const { stateDir } = await inspectTargetConfig(args, terminal);
  const images = await offerRepository(
    repository,
    stateDir,
    await describeBoard(trustAccess(args.simulate ? stateDir : undefined)),
    await startAdvice(),
  );
  const image = images.find((one) => (wanted ?? one.sha256) === one.sha256 && (version ?? one.version) === one.version);
  if (image === undefined) throw new CommandFailed(describeAbsent(images, { file, version, sha256: wanted }));
  const digest = image.sha256;
  const uploaded =
    file === undefined
      ? await uploadFromRepository(stateDir, repository, image, terminal)
      : await uploadFile(stateDir, file, { path: file, sizeBytes: await sizeOf(file) }, digest, terminal);
  return { stateDir, request: { ...uploaded, fwVersion: image.version, fwPackageCheckValue: digest } };
}

async function uploadFromRepository(
  stateDir: string,
  repository: string,
  image: RepositoryImage,
  terminal: Terminal,
): Promise<ImageRequest> {
  const open = await openRepositoryImage(repository, image);
  try {
    return await uploadFile(
      stateDir,
      join(repository, targetFilePath(image.path, image.sha256)),
      open,
      image.sha256,
      terminal,
    );
  } finally {
    await open.close();
  }
}

/** Which files of a repository are for this board. Where its root cannot be read, the agent says why. */
async function describeBoard(board: TrustAccess): Promise<{ names: readonly string[]; rootVersion: number }> {
  const { root, boards } = await inspectTrust(board);
  return { names: boards, rootVersion: root?.version ?? 0 };
}

function describeAbsent(
  images: readonly RepositoryImage[],
  { file, version, sha256 }: { file: string | undefined; version: string | undefined; sha256: string | undefined },
): string {
  const what = file ?? (version === undefined ? "the image" : `version ${version}`);
  const digest = sha256 === undefined ? "" : ` (SHA-256 ${sha256.slice(0, 12)}…)`;
  const listed = images.map((one) => one.version).join(", ");
  const there = images.length === 0 ? "has no image for this board" : `has for this board: ${listed}`;
  return `Nothing was installed: ${what}${digest} is not signed for this board${version === undefined || file === undefined ? "" : ` as version ${version}`}. The repository ${there}.`;
}

function isAddress(text: string): boolean {
  return /^https?:\/\//i.test(text);
}

/** The digest that was given; undefined where none was. */
function digestIn(sha256: string | undefined): string | undefined {
  const checkValue = readCheckValue(sha256);
  if (checkValue.kind === "sha256") return checkValue.hex;
  if (sha256 === undefined) return undefined;
  const given = checkValue.kind === "otherNotation" ? `, got ${checkValue.name}` : "";
  throw new UsageError(`--sha256: expected the SHA-256 of the image, 64 hex digits${given}.`, "install");
}

async function digestOf(file: string): Promise<string> {
  await sizeOf(file);
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest("hex");
}

function printJson(terminal: Terminal, document: JsonObject): void {
  terminal.out(`${JSON.stringify(document, null, 2)}\n`);
}

/**
 * Sends a file to the agent, whose user may not be able to read it.
 * @param shown what people call it
 * @returns what firmwareUpdate needs of it
 */
async function uploadFile(
  stateDir: string,
  shown: string,
  { path: file, sizeBytes }: { readonly path: string; readonly sizeBytes: number },
  sha256: string,
  terminal: Terminal,
): Promise<ImageRequest> {
  terminal.note(`Uploading ${shown}, ${sizeBytes} bytes\n`);
  expectSuccess(await uploadImage(stateDir, sha256, { file, sizeBytes }), await startAdvice());
  return { fwPackageUri: pathToFileURL(resolve(shown)).href.slice(0, 2_000), fwPackageSize: sizeBytes };
}

async function sizeOf(file: string): Promise<number> {
  try {
    const found = await stat(file);
    if (found.isFile() && found.size > 0) return found.size;
    throw new CommandFailed(`${file} is ${found.isFile() ? "empty" : "not a file"}: there is nothing to install.`);
  } catch (cause) {
    if (cause instanceof CommandFailed) throw cause;
    throw new CommandFailed(`${file} cannot be read: ${errorMessage(cause)}.`, { cause });
  }
}

function expectSuccess(reply: LocalApiReply | undefined, advice: string): JsonObject {
  if (reply === undefined)
    throw new CommandFailed(`No agent is running, and only a running agent can install an image. ${advice}`);
  if (reply.status === 200) return reply.payload;
  const { error } = reply.payload;
  const code = isJsonObject(error) && typeof error["code"] === "string" ? ` (${error["code"]})` : "";
  throw new CommandFailed(`The agent refused${code}: ${sentenceIn(reply.payload)}`);
}

function sentenceIn({ Response: sentence }: JsonObject): string {
  return typeof sentence === "string" ? sentence : "it gave no reason";
}

/** Follows an update to its end. A reboot of the board may end this process too; the agent continues by itself. */
async function follow(
  stateDir: string,
  operationId: string,
  terminal: Terminal,
): Promise<Extract<InstallProgress, { outcome: string }>> {
  let lastLine = "";
  for (;;) {
    const reply = await callMethod(stateDir, "getStatus").catch(() => undefined); // The agent may be stopping.
    const progress = formatInstallProgress(reply?.payload, operationId);
    if ("outcome" in progress) return progress;
    if (progress.line !== lastLine) terminal.note(`  ${progress.line}\n`);
    lastLine = progress.line;
    await sleep(pollIntervalMs);
  }
}
