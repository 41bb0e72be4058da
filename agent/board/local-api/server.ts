import { chmod, rm } from "node:fs/promises";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { MethodReply } from "../../contract/method-reply.ts";
import {
  decodeMetadata,
  maxMetadataBody,
  metadataPath,
  misdirectedStatus,
  parseImagePath,
  parseMethodPath,
  stateDirHeader,
} from "./protocol.ts";
import type { Log } from "../../lib/log.ts";
import type { UploadedImage } from "../../update/local-upload.ts";
import { createServer } from "../../lib/node-http.ts";

/** The limit of a direct method's payload. */
const maxMethodBody = 128 * 1_024;
/** For the agent's user and its group, besides root. */
const socketMode = 0o660;
/** sun_path of sockaddr_un has 108 bytes with the NUL at its end: unix(7). */
const longestPath = 107;

export interface LocalApiHandlers {
  /** Answers a direct method. Never rejects. */
  method(name: string, payload: unknown): Promise<MethodReply>;
  /** Receives signed metadata by its names. Never rejects. */
  metadata(files: ReadonlyMap<string, Uint8Array>, signal: AbortSignal): Promise<MethodReply>;
  /** Receives an image. Never rejects. */
  image(image: UploadedImage, signal: AbortSignal): Promise<MethodReply>;
}

export interface LocalApiServer {
  /** Resolves when the socket is closed. */
  close(): Promise<void>;
}

/**
 * Serves the local API. The socket's file mode says who may use it. Only the holder of the state folder's lock may call this:
 * it removes the socket of an agent that has ended.
 */
export async function serveLocalApi(
  { path, stateDir }: { readonly path: string; readonly stateDir: string },
  handlers: LocalApiHandlers,
  log: Log,
): Promise<LocalApiServer> {
  if (Buffer.byteLength(path) > longestPath)
    throw new Error(
      `${path} is too long for a socket: at most ${longestPath} bytes. Choose a shorter agent.state-dir.`,
    );
  await rm(path, { force: true });
  const server = createServer((request, response) => {
    void handleRequest(request, response, stateDir, handlers).catch((cause: unknown) => {
      log.debug({ err: cause }, "local caller disconnected");
      response.destroy();
    });
  });
  server.requestTimeout = 0; // An image arrives as fast as the USB stick that it is on.
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
  handlers: LocalApiHandlers,
): Promise<void> {
  const intended = request.headers[stateDirHeader];
  if (typeof intended === "string" && decodeURIComponent(intended) !== stateDir)
    return send(response, {
      status: misdirectedStatus,
      payload: { Response: "This is the agent of another state folder." },
    });
  const { method, url = "" } = request;
  const name = method === "POST" ? parseMethodPath(url) : undefined;
  if (name !== undefined) return send(response, await handlers.method(name, await readBody(request, maxMethodBody)));
  if (method === "PUT" && url === metadataPath) {
    const files = decodeMetadata(await readBody(request, maxMetadataBody));
    const advice = "Expected a JSON object with the name of each metadata file and its bytes in base64.";
    return send(
      response,
      files === undefined
        ? { status: 400, payload: { Response: advice } }
        : await handlers.metadata(files, abortOnClose(response)),
    );
  }
  const sha256 = method === "PUT" ? parseImagePath(url) : undefined;
  const sizeBytes = Number(request.headers["content-length"] ?? Number.NaN);
  if (sha256 !== undefined && Number.isSafeInteger(sizeBytes))
    return send(response, await handlers.image({ sha256, sizeBytes, body: request }, abortOnClose(response)));
  const advice = "Unknown path. Use POST /methods/NAME, PUT /metadata, or PUT /images/SHA256 with a Content-Length.";
  send(response, { status: 404, payload: { Response: advice } });
}

/** A signal that aborts when the caller disconnects before the answer. */
function abortOnClose(response: ServerResponse): AbortSignal {
  const closed = new AbortController();
  response.once("close", () => closed.abort());
  return closed.signal;
}

function send(response: ServerResponse, { status, payload }: MethodReply): void {
  response.writeHead(status, { "content-type": "application/json", connection: "close" });
  response.end(`${JSON.stringify(payload)}\n`);
}

/** The body as text. */
async function readBody(request: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error(`the body has more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
