import { randomUUID } from "node:crypto";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { errorMessage } from "../../lib/errors.ts";
import { UsageError, type Arguments } from "../arguments.ts";
import { callMethod, uploadImage, type LocalApiReply } from "../../board/local-api/client.ts";
import { isJsonObject, type JsonObject } from "../../contract/json.ts";
import { formatInstallProgress, type InstallProgress } from "../format/format-install-progress.ts";
import { inspectTargetConfig } from "./config.ts";
import { startAdvice } from "./service.ts";
import { CommandFailed, type Terminal } from "./terminal.ts";

const lookEveryMs = 500;

/** `boardkeeper-agent install`: an update that is asked for on the board, on the same journey as one from the hub. */
export async function install(given: Arguments, terminal: Terminal): Promise<number> {
  const { operand, sha256 } = given;
  if (operand === undefined) throw new UsageError("Which image? Give a file, or an https:// address.", "install");
  const digest = /^(?:sha256:)?([0-9a-f]{64})$/i.exec(sha256 ?? "")?.[1]?.toLowerCase();
  if (digest === undefined)
    throw new UsageError(
      "--sha256: expected the image's SHA-256 in 64 hex digits: nothing else is installed.",
      "install",
    );
  const { stateDir } = await inspectTargetConfig(given, terminal);
  const operationId = given.operationId ?? `install-${randomUUID().slice(0, 12)}`;
  const isAddress = /^https?:\/\//i.test(operand);
  const image = isAddress ? { fwPackageUri: operand } : await takeTo(stateDir, operand, digest, terminal);
  const version = given.firmwareVersion === undefined ? {} : { fwVersion: given.firmwareVersion };
  const reply = expectDone(
    await callMethod(stateDir, "firmwareUpdate", { ...image, ...version, fwPackageCheckValue: digest, operationId }),
    await startAdvice(),
  );
  const begun = typeof reply["operationId"] === "string" ? reply["operationId"] : operationId;
  terminal.note(`${sentenceOf(reply)} (${begun})\n`);
  if (reply["already"] === true || given.noWait)
    return tell(terminal, given, { operationId: begun, outcome: "begun" }, "");
  const end = await follow(stateDir, begun, terminal);
  const { sentence, ...details } = end;
  if (given.json) terminal.out(`${JSON.stringify({ operationId: begun, ...details }, null, 2)}\n`);
  if (end.outcome !== "completed") throw new CommandFailed(sentence);
  if (!given.json) terminal.out(`${sentence}\n`);
  return 0;
}

function tell(terminal: Terminal, { json }: Arguments, document: JsonObject, text: string): number {
  terminal.out(json ? `${JSON.stringify(document, null, 2)}\n` : text);
  return 0;
}

/** Hands a file in to the agent, which may not be able to read it where it lies. */
async function takeTo(stateDir: string, file: string, sha256: string, terminal: Terminal): Promise<JsonObject> {
  const sizeBytes = await sizeOf(file);
  terminal.note(`Handing in ${file}, ${sizeBytes} bytes\n`);
  expectDone(await uploadImage(stateDir, sha256, { file, sizeBytes }), await startAdvice());
  return { fwPackageUri: pathToFileURL(resolve(file)).href.slice(0, 2_000), fwPackageSize: sizeBytes };
}

async function sizeOf(file: string): Promise<number> {
  try {
    const found = await stat(file);
    if (found.isFile() && found.size > 0) return found.size;
    throw new CommandFailed(`${file} is ${found.isFile() ? "empty" : "not a file"}: there is nothing to install.`);
  } catch (cause) {
    if (cause instanceof CommandFailed) throw cause;
    throw new CommandFailed(`${file} cannot be read: ${errorMessage(cause)}.`, {
      cause,
    });
  }
}

function expectDone(reply: LocalApiReply | undefined, advice: string): JsonObject {
  if (reply === undefined)
    throw new CommandFailed(`No agent is running, and it takes one to install, to restart and to prove. ${advice}`);
  if (reply.status === 200) return reply.payload;
  const { error } = reply.payload;
  const code = isJsonObject(error) && typeof error["code"] === "string" ? ` (${error["code"]})` : "";
  throw new CommandFailed(`The agent refused${code}: ${sentenceOf(reply.payload)}`);
}

function sentenceOf({ Response: said }: JsonObject): string {
  return typeof said === "string" ? said : "it gave no reason";
}

/** Follows an update to its end. A restart of the board ends this too; the agent goes on by itself. */
async function follow(
  stateDir: string,
  operationId: string,
  terminal: Terminal,
): Promise<Extract<InstallProgress, { outcome: string }>> {
  let told = "";
  for (;;) {
    const reply = await callMethod(stateDir, "getStatus").catch(() => undefined); // It may be on its way down.
    const chapter = formatInstallProgress(reply?.payload, operationId);
    if ("outcome" in chapter) return chapter;
    if (chapter.line !== told) terminal.note(`  ${chapter.line}\n`);
    told = chapter.line;
    await sleep(lookEveryMs);
  }
}
