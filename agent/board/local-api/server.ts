import { chmod, rm } from "node:fs/promises";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { MethodReply } from "../../contract/methods.ts";
import { parseImagePath, parseMethodPath, misdirectedStatus, stateDirHeader } from "./protocol.ts";
import type { Log } from "../../lib/log.ts";
import type { UploadedImage } from "../../update/local-upload.ts";
import { createServer } from "../../lib/node-http.ts";

/** As large as a direct method's payload may be. */
const mostBodyBytes = 128 * 1_024;
/** For the agent's user and its group, besides root. */
const socketMode = 0o660;
/** sun_path of sockaddr_un has 108 bytes with the NUL at its end: unix(7). */
const longestPath = 107;

export interface LocalApiHandlers {
  /** Answers a direct method that is called on the board itself. Never rejects. */
  method(name: string, payload: unknown): Promise<MethodReply>;
  /** Takes an image in. Never rejects. */
  image(image: UploadedImage, signal: AbortSignal): Promise<MethodReply>;
}

export interface LocalApiServer {
  /** Resolves when nobody can come in any more. */
  close(): Promise<void>;
}

/**
 * Opens the agent's door for commands on the board itself. Who may come in is for the file's permissions to say. Only
 * the holder of the state folder's lock may call it: what lies at the path belongs to an agent that has ended.
 */
export async function serveLocalApi(
  { path, stateDir }: { readonly path: string; readonly stateDir: string },
  callers: LocalApiHandlers,
  log: Log,
): Promise<LocalApiServer> {
  if (Buffer.byteLength(path) > longestPath)
    throw new Error(`${path} is longer than a socket's name may be (${longestPath} bytes)`);
  await rm(path, { force: true });
  const server = createServer((request, response) => {
    void handleRequest(request, response, stateDir, callers).catch((cause: unknown) => {
      log.debug({ err: cause }, "local caller left");
      response.destroy();
    });
  });
  server.requestTimeout = 0; // An image comes as fast as the stick that it is on.
  await listen(server, path);
  await chmod(path, socketMode);
  server.unref();
  return {
    async close(): Promise<void> {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

async function handleRequest(
  request: IncomingMessage,
  response: ServerResponse,
  stateDir: string,
  callers: LocalApiHandlers,
): Promise<void> {
  const meant = request.headers[stateDirHeader];
  if (typeof meant === "string" && decodeURIComponent(meant) !== stateDir)
    return send(response, {
      status: misdirectedStatus,
      payload: { Response: "This is the agent of another state folder." },
    });
  const { method, url = "" } = request;
  const name = method === "POST" ? parseMethodPath(url) : undefined;
  if (name !== undefined) return send(response, await callers.method(name, await readBody(request)));
  const sha256 = method === "PUT" ? parseImagePath(url) : undefined;
  const sizeBytes = Number(request.headers["content-length"] ?? Number.NaN);
  if (sha256 !== undefined && Number.isSafeInteger(sizeBytes))
    return send(response, await callers.image({ sha256, sizeBytes, body: request }, abortOnClose(response)));
  const advice = "There is nothing here. POST /methods/NAME, or PUT /images/SHA256 with a Content-Length.";
  send(response, { status: 404, payload: { Response: advice } });
}

/** Aborts when the caller leaves before the answer. */
function abortOnClose(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  return gone.signal;
}

function send(response: ServerResponse, { status, payload }: MethodReply): void {
  response.writeHead(status, { "content-type": "application/json", connection: "close" });
  response.end(`${JSON.stringify(payload)}\n`);
}

/** A text, which a method reads as JSON. */
async function readBody(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > mostBodyBytes) throw new Error(`more than ${mostBodyBytes} bytes were sent`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}
