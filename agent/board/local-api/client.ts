import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { errorCode } from "../../lib/errors.ts";
import { isJsonObject, type JsonObject } from "../../contract/json.ts";
import { encodeMetadata, imagePath, metadataPath, methodPath, misdirectedStatus, stateDirHeader } from "./protocol.ts";
import { localApiSocketCandidates, localApiSocketIn } from "../../config/paths.ts";
import { request as httpRequest } from "../../lib/node-http.ts";

/** The agent's answer. */
export interface LocalApiReply {
  readonly status: number;
  readonly payload: JsonObject;
}

/** This user may not use the agent's local API. */
export class AccessDenied extends Error {
  constructor(path: string, cause: unknown) {
    super(`This user may not use the agent's local API at ${path}. Run this with sudo.`, { cause });
    this.name = "AccessDenied";
  }
}

/** An agent runs and does not answer. The message says why, and what to do. */
export class AgentUnreachable extends Error {
  /** Whether its state folder, or its socket there, was deleted while it runs. */
  readonly isCutOff: boolean;

  constructor(message: string, isCutOff: boolean, options?: ErrorOptions) {
    super(message, options);
    this.name = "AgentUnreachable";
    this.isCutOff = isCutOff;
  }
}

/** The agent answers within seconds, unless it hangs. */
const callTimeoutMs = 10_000;
/** Hundreds of signatures, on a slow board that does other work. */
const metadataTimeoutMs = 60_000;
/** Enough for the largest image from the slowest USB stick. */
const uploadTimeoutMs = 24 * 3_600_000;

/** An HTTP request to an agent. */
interface LocalApiRequest {
  readonly method: "POST" | "PUT";
  readonly path: string;
  readonly body: string | FileBody;
  /** How long the answer may take. */
  readonly timeoutMs: number;
}

interface FileBody {
  readonly file: string;
  readonly sizeBytes: number;
}

/**
 * Calls a direct method of the agent that uses a state folder.
 * @returns its answer; undefined where no agent runs
 * @throws AccessDenied; AgentUnreachable when an agent runs and does not answer
 */
export async function callMethod(
  stateDir: string,
  method: string,
  payload: JsonObject = {},
): Promise<LocalApiReply | undefined> {
  const body = JSON.stringify(payload);
  return await send(stateDir, { method: "POST", path: methodPath(method), body, timeoutMs: callTimeoutMs });
}

/** Uploads an image, which may take hours; otherwise like callMethod. */
export async function uploadImage(
  stateDir: string,
  sha256: string,
  body: FileBody,
): Promise<LocalApiReply | undefined> {
  return await send(stateDir, { method: "PUT", path: imagePath(sha256), body, timeoutMs: uploadTimeoutMs });
}

/** Passes on signed metadata, which the agent verifies and keeps; otherwise like callMethod. */
export async function sendMetadata(
  stateDir: string,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<LocalApiReply | undefined> {
  const body = encodeMetadata(files);
  return await send(stateDir, { method: "PUT", path: metadataPath, body, timeoutMs: metadataTimeoutMs });
}

async function send(stateDir: string, message: LocalApiRequest): Promise<LocalApiReply | undefined> {
  for (const socketPath of localApiSocketCandidates(stateDir)) {
    const response = await sendRequest(socketPath, stateDir, message);
    if (response === undefined) continue;
    const text = await textOf(response);
    const { statusCode = 0 } = response;
    if (statusCode === misdirectedStatus) continue;
    const read: unknown = JSON.parse(text);
    if (isJsonObject(read)) return { status: statusCode, payload: read };
    throw new AgentUnreachable(
      `The agent at ${socketPath} sent an answer that is not a JSON object. Check its log.`,
      false,
    );
  }
  const own = localApiSocketIn(stateDir);
  if (!(await isListenedTo(own))) return undefined;
  throw new AgentUnreachable(
    `An agent runs with the state folder ${stateDir}, but the folder, or the socket in it, was deleted meanwhile: what the agent had saved there is lost, and no command reaches it. Stop it and start it again; to find it: sudo ss -xlp | grep ${own}`,
    true,
  );
}

/** Undefined where there is no socket, or nobody listens on it. */
async function sendRequest(
  socketPath: string,
  stateDir: string,
  message: LocalApiRequest,
): Promise<IncomingMessage | undefined> {
  const { method, path, body, timeoutMs } = message;
  const sizeBytes = typeof body === "string" ? Buffer.byteLength(body) : body.sizeBytes;
  try {
    return await new Promise((resolve, reject) => {
      const request = httpRequest({
        socketPath,
        path,
        method,
        headers: { [stateDirHeader]: encodeURIComponent(stateDir), "content-length": sizeBytes },
        signal: AbortSignal.timeout(timeoutMs),
      });
      let answered = false;
      request.on("response", (response) => {
        answered = true;
        resolve(response);
      });
      request.on("error", (cause) => {
        if (!answered) reject(cause); // The agent may answer and close before the whole image was sent.
      });
      if (typeof body === "string") request.end(body);
      else if (sizeBytes === 0) request.end();
      else
        createReadStream(body.file, { end: sizeBytes - 1 })
          .on("error", reject)
          .pipe(request);
    });
  } catch (cause) {
    const code = errorCode(cause);
    if (code === "ENOENT" || code === "ECONNREFUSED" || code === "ENOTDIR") return undefined;
    if (code === "EACCES") throw new AccessDenied(socketPath, cause);
    throw new AgentUnreachable(`The agent at ${socketPath} does not answer: it may hang. Check its log.`, false, {
      cause,
    });
  }
}

/**
 * Whether a process listens on a socket that was bound to this path: the kernel remembers the path also where the file is gone.
 * Columns: Num RefCount Protocol Flags Type St Inode Path (unix(7), proc_net(5)); the flag is __SO_ACCEPTCON.
 */
async function isListenedTo(path: string): Promise<boolean> {
  const table = await readFile("/proc/net/unix", "utf8").catch(() => ""); // Nobody can be seen there: the same as nobody.
  return table.split("\n").some((line) => / 00010000 \d{4} \d\d +\d+ /.test(line) && line.endsWith(` ${path}`));
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
