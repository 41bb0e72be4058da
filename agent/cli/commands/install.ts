import { randomUUID } from "node:crypto";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { callMethod, uploadImage, type LocalApiReply } from "../../board/local-api/client.ts";
import { readCheckValue } from "../../contract/check-value.ts";
import { isJsonObject, type JsonObject } from "../../contract/json.ts";
import { errorMessage } from "../../lib/errors.ts";
import { UsageError, type Arguments } from "../arguments.ts";
import { CommandFailed, inspectTargetConfig, type Terminal } from "../command-context.ts";
import { formatInstallProgress, type InstallProgress } from "../format/format-install-progress.ts";
import { startAdvice } from "./service.ts";

const pollIntervalMs = 500;

/** `boardkeeper-agent install`: the same update as one that the hub asks for, requested on the board. */
export async function install(args: Arguments, terminal: Terminal): Promise<number> {
  const { operand, sha256 } = args;
  if (operand === undefined)
    throw new UsageError("The image is missing. Name a file, or an https:// address.", "install");
  const checkValue = readCheckValue(sha256);
  if (checkValue.kind !== "sha256") {
    const given = checkValue.kind === "otherNotation" ? `, got ${checkValue.name}` : "; it is required";
    throw new UsageError(`--sha256: expected the SHA-256 of the image, 64 hex digits${given}.`, "install");
  }
  const digest = checkValue.hex;
  const { stateDir } = await inspectTargetConfig(args, terminal);
  const requestedId = args.operationId ?? `install-${randomUUID().slice(0, 12)}`;
  const isAddress = /^https?:\/\//i.test(operand);
  const image = isAddress ? { fwPackageUri: operand } : await uploadFile(stateDir, operand, digest, terminal);
  const version = args.firmwareVersion === undefined ? {} : { fwVersion: args.firmwareVersion };
  const request = { ...image, ...version, fwPackageCheckValue: digest, operationId: requestedId };
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

function printJson(terminal: Terminal, document: JsonObject): void {
  terminal.out(`${JSON.stringify(document, null, 2)}\n`);
}

/** Sends a file to the agent, whose user may not be able to read it. Returns what firmwareUpdate needs of it. */
async function uploadFile(stateDir: string, file: string, sha256: string, terminal: Terminal): Promise<JsonObject> {
  const sizeBytes = await sizeOf(file);
  terminal.note(`Uploading ${file}, ${sizeBytes} bytes\n`);
  expectSuccess(await uploadImage(stateDir, sha256, { file, sizeBytes }), await startAdvice());
  return { fwPackageUri: pathToFileURL(resolve(file)).href.slice(0, 2_000), fwPackageSize: sizeBytes };
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
