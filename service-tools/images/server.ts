import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { createServer } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Faults } from "../local-hub/faults/faults.ts";
import { describeError } from "../local-hub/lib/log.ts";
import type { Log } from "../local-hub/lib/log.ts";
import { tlsContext, TlsFrontend } from "../local-hub/network/tls-frontend.ts";
import type { ListeningServer } from "../local-hub/network/tls-frontend.ts";
import type { NetworkContext } from "../local-hub/network/faulty-socket.ts";
import {
  injectedAlteration,
  invertBytesFrom,
  applyTruncation,
  applyRangeFaults,
  injectedError,
} from "./image-faults.ts";
import { imagesFolder, parseImagePath } from "./image-path.ts";
import { ifNoneMatchMatches, ifRangeMatches, parseRange } from "./range.ts";

export interface ImageServerOptions {
  /** The hub's folder. */
  readonly folder: string;
  readonly port: number;
  readonly certificate: string;
  readonly privateKey: string;
  readonly network: NetworkContext;
  readonly log: Log;
}

/** Serves the published images over HTTPS: GET and HEAD, ranges, ETag. Files are streamed. */
export async function startImageServer(options: ImageServerOptions): Promise<ListeningServer> {
  const { certificate, privateKey, folder, network, log } = options;
  const server = createServer(tlsContext({ certificate, privateKey }), (request, response) => {
    respond(imagesFolder(folder), network.faults, request, response).catch((error: unknown) => {
      // The client disconnected, or the disk failed: the response cannot be completed.
      log({ level: "warn", message: "image not served", url: request.url, why: describeError(error) });
      response.destroy();
    });
  });
  const frontend = new TlsFrontend({
    port: options.port,
    name: "images",
    endpoints: ["images"],
    server,
    certificate: { certificate, privateKey },
    network,
    log,
  });
  await frontend.open();
  return frontend;
}

async function respond(
  folder: string,
  faults: Faults,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { allow: "GET, HEAD" }).end();
    return;
  }
  const refused = injectedError(faults);
  if (refused !== undefined) {
    const { status, retryAfterS } = refused;
    response.writeHead(status, retryAfterS === 0 ? {} : { "retry-after": String(retryAfterS) }).end();
    return;
  }
  const image = parseImagePath(request.url ?? "/");
  const file = image === undefined ? undefined : await openIfThere(join(folder, image.digest, image.name));
  if (image === undefined || file === undefined) {
    response.writeHead(404).end();
    return;
  }
  try {
    await sendFile(file, image.digest, faults, request, response);
  } finally {
    await file.close();
  }
}

async function sendFile(
  file: FileHandle,
  digest: string,
  faults: Faults,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { size, mtimeMs } = await file.stat();
  // The folder name is the digest of the content: a strong ETag.
  const { etag, from: alteredFrom = Infinity } = injectedAlteration(faults, `"${digest}"`);
  response.setHeader("etag", etag);
  response.setHeader("last-modified", new Date(mtimeMs).toUTCString());
  response.setHeader("accept-ranges", "bytes");
  if (ifNoneMatchMatches(request.headers["if-none-match"], etag)) {
    response.writeHead(304).end();
    return;
  }
  const resume = ifRangeMatches(headerText(request.headers["if-range"]), etag, mtimeMs);
  const range = applyRangeFaults(faults, parseRange(resume ? request.headers.range : undefined, size));
  if (range.kind === "unsatisfiable") {
    response.writeHead(416, { "content-range": `bytes */${size}` }).end();
    return;
  }
  const [first, last] = range.kind === "whole" ? [0, size - 1] : [range.first, range.last];
  const length = applyTruncation(faults, last - first + 1);
  response.writeHead(range.kind === "whole" ? 200 : 206, {
    "content-type": "application/octet-stream",
    "content-length": length.declared,
    ...(range.kind === "whole" ? {} : { "content-range": `bytes ${first}-${last}/${size}` }),
  });
  if (request.method === "HEAD" || length.declared === 0) {
    response.end();
    return;
  }
  response.flushHeaders();
  if (length.sent > 0) {
    const source = file.createReadStream({ start: first, end: first + length.sent - 1, autoClose: false });
    const changed = alteredFrom > last ? source : source.pipe(invertBytesFrom(first, alteredFrom));
    await pipeline(changed, response, { end: false });
  }
  // Less was sent than declared: only closing the connection ends the response.
  if (length.sent < length.declared) response.socket?.destroySoon();
  else response.end();
}

function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
