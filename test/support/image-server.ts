import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { onTestFinished } from "vitest";
import { createCertificateAuthority, issueServerCertificate } from "../../service-tools/local-hub/tls/certificates.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A server on loopback that answers each request as the test wants it to. */
export interface ImageServer {
  /** Without a slash at the end. */
  readonly origin: string;
  /** The authority that signed its certificate; empty for plain http. */
  readonly ca: string;
  readonly requests: IncomingMessage[];
  answer: Handler;
  /** Cuts every connection and takes no other. */
  stop(): void;
}

export async function imageServer(answer: Handler, { tls = true } = {}): Promise<ImageServer> {
  const server: ImageServer = { origin: "", ca: "", requests: [], answer, stop: () => undefined };
  const take: Handler = (request, response) => {
    server.requests.push(request);
    server.answer(request, response);
  };
  const { listener, ca } = tls ? await secure(take) : { listener: createHttpServer(take), ca: "" };
  const sockets = new Set<Socket>();
  listener.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined); // A test cuts connections; the other end is what it checks.
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const stop = (): void => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  };
  onTestFinished(stop);
  const { port } = listener.address() as AddressInfo;
  return Object.assign(server, { origin: `${tls ? "https" : "http"}://127.0.0.1:${port}`, ca, stop });
}

async function secure(take: Handler): Promise<{ listener: ReturnType<typeof createHttpsServer>; ca: string }> {
  const now = Date.now();
  const authority = await createCertificateAuthority(now);
  const { certificate, privateKey } = await issueServerCertificate(authority, ["localhost"], ["127.0.0.1"], now);
  return { listener: createHttpsServer({ cert: certificate, key: privateKey }, take), ca: authority.certificate };
}

/** Content of a firmware image that nobody has seen before, with what a request must say about it. */
export interface TestImage {
  readonly content: Buffer;
  readonly sha256: string;
  readonly sizeBytes: number;
}

export function testImage(sizeBytes = 300_000): TestImage {
  const content = randomBytes(sizeBytes);
  return { content, sha256: createHash("sha256").update(content).digest("hex"), sizeBytes };
}

/** Serves an image as a good server does. */
export function serving({ content }: TestImage): Handler {
  return (_request, response) => {
    response.writeHead(200, { "content-length": content.length });
    response.end(content);
  };
}

/** How a server that knows about parts of files treats one. */
export interface PartsOptions {
  readonly etag?: string;
  readonly lastModified?: string;
  /** Gets the number of bytes to send; returns how many of them are sent before the connection is cut. */
  readonly cutAfter?: (bytes: number) => number | undefined;
  /** Resolves when so many bytes of the image have arrived: what a cut connection still held would be lost. */
  readonly arrived?: (bytes: number) => Promise<void>;
}

/** Serves an image as a good server does, all of it or the rest (RFC 9110, 13.1.5 and 14). */
export function servingParts(
  { content }: TestImage,
  { etag, lastModified, cutAfter, arrived }: PartsOptions = {},
): Handler {
  return (request, response) => {
    const { range, "if-range": condition } = request.headers;
    const isSame = condition === undefined || condition === etag || condition === lastModified;
    const first = isSame ? Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0) : 0;
    const validators = {
      ...(etag === undefined ? {} : { etag }),
      ...(lastModified === undefined ? {} : { "last-modified": lastModified }),
    };
    if (first > 0 && first >= content.length) {
      response.writeHead(416, { "content-range": `bytes */${content.length}` }).end();
      return;
    }
    const body = content.subarray(first);
    const part = { "content-range": `bytes ${first}-${content.length - 1}/${content.length}` };
    response.writeHead(first > 0 ? 206 : 200, {
      ...validators,
      ...(first > 0 ? part : {}),
      "content-length": body.length,
    });
    const cutBytes = cutAfter?.(body.length);
    if (cutBytes === undefined || cutBytes >= body.length) response.end(body);
    else cutOff(response, body.subarray(0, cutBytes), arrived?.(first + cutBytes));
  };
}

/** Sends this, and then no more: the connection is gone when it has arrived. */
export function cutOff(response: ServerResponse, body: Buffer, arrived: Promise<void> = Promise.resolve()): void {
  response.write(body, () => void arrived.then(() => response.socket?.destroy()));
}
