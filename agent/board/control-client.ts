import { request as httpRequest, type IncomingMessage } from "node:http";
import { isJsonObject, type JsonObject } from "../contract/json.ts";
import { methodPath, misdirected, stateDirHeader } from "../local/wire.ts";
import { controlSocketsOf } from "../places.ts";

/** An agent's answer at its local door. */
export interface LocalReply {
  readonly status: number;
  readonly payload: JsonObject;
}

/** The door of a running agent may not be used by this user. */
export class DoorShut extends Error {
  constructor(path: string, cause: unknown) {
    super(`The agent's door ${path} may not be used by this user. Run this with sudo.`, { cause });
    this.name = "DoorShut";
  }
}

/** An answer comes within seconds, or the agent hangs. */
const patienceMs = 10_000;

/**
 * Calls a method of the agent that runs on a state folder.
 * @returns its answer; undefined where no agent runs on it
 * @throws DoorShut; an Error when an agent is there and does not answer
 */
export async function askAgent(
  stateDir: string,
  method: string,
  payload: JsonObject = {},
): Promise<LocalReply | undefined> {
  for (const socketPath of controlSocketsOf(stateDir)) {
    const response = await knock(socketPath, stateDir, method, payload);
    if (response === undefined) continue;
    const text = await textOf(response);
    const { statusCode = 0 } = response;
    if (statusCode === misdirected) continue;
    const read: unknown = JSON.parse(text);
    if (isJsonObject(read)) return { status: statusCode, payload: read };
    throw new Error(`The agent at ${socketPath} answered with something else than an object.`);
  }
  return undefined;
}

/** Undefined where nobody is behind the door, or there is none. */
async function knock(
  socketPath: string,
  stateDir: string,
  method: string,
  payload: JsonObject,
): Promise<IncomingMessage | undefined> {
  try {
    return await new Promise((resolve, reject) => {
      const request = httpRequest({
        socketPath,
        path: methodPath(method),
        method: "POST",
        headers: { [stateDirHeader]: encodeURIComponent(stateDir), "content-type": "application/json" },
        signal: AbortSignal.timeout(patienceMs),
      });
      request.on("response", resolve);
      request.on("error", reject);
      request.end(JSON.stringify(payload));
    });
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "ENOENT" || code === "ECONNREFUSED" || code === "ENOTDIR") return undefined;
    if (code === "EACCES") throw new DoorShut(socketPath, cause);
    throw new Error(`The agent at ${socketPath} does not answer: it may hang. Look at its log.`, { cause });
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of response as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces).toString("utf8");
}
