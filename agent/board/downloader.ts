import { createHash } from "node:crypto";
import { open, rm, type FileHandle } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { AgentError } from "../errors.ts";
import { proxyTo } from "../proxy.ts";
import type { Image } from "../update/job.ts";
import type { FetchOrder, Fetcher } from "../update/ports.ts";
import type { Progress } from "../update/report.ts";

export interface DownloaderOptions {
  readonly allowHttp: boolean;
  /** PEM of an authority that signed the servers' certificates, besides those the system knows. */
  readonly ca: string | undefined;
  /** A server that sends nothing for this long is lost. */
  readonly silenceMs: number;
  readonly userAgent: string;
}

const mostRedirects = 5;
/** The kernel is made to write as the image arrives: no stall at the end, and little to lose in a power cut. */
const syncEveryBytes = 16 * 1024 * 1024;

/** Fetches images over HTTPS straight to disk, hashing each piece as it passes: no image is ever held in memory. */
export class Downloader implements Fetcher {
  readonly #options: DownloaderOptions;

  constructor(options: DownloaderOptions) {
    this.#options = options;
  }

  async fetch(order: FetchOrder, onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<Image> {
    const response = await this.#get(order.uri, signal);
    try {
      const file = await open(order.path, "w", 0o600);
      try {
        return await receive(response, file, order, onProgress, signal);
      } finally {
        await file.close();
      }
    } catch (cause) {
      await rm(order.path, { force: true });
      throw cause;
    } finally {
      response.destroy();
    }
  }

  /** Follows redirects, a few, and never from https to http. */
  async #get(uri: string, signal: AbortSignal): Promise<IncomingMessage> {
    let url = parse(uri);
    for (let redirects = 0; redirects <= mostRedirects; redirects += 1) {
      if (url.protocol === "http:" && !this.#options.allowHttp) {
        throw new AgentError(
          "insecure-address",
          `Plain http is not fetched (${shown(url)}). Serve the image over https.`,
        );
      }
      const response = await this.#request(url, signal);
      const { statusCode = 0, headers } = response;
      const isRedirect = [301, 302, 303, 307, 308].includes(statusCode) && headers.location !== undefined;
      if (!isRedirect) {
        if (statusCode === 200) return response;
        response.destroy();
        throw new AgentError(
          "http-status",
          `${shown(url)} answered with status ${statusCode}. Check the address, and whether a signed one has expired.`,
        );
      }
      response.destroy();
      const next = parse(headers.location ?? "", url);
      if (url.protocol === "https:" && next.protocol !== "https:") {
        throw new AgentError(
          "insecure-redirect",
          `${shown(url)} redirects from https to ${shown(next)}, which is not followed.`,
        );
      }
      url = next;
    }
    throw new AgentError(
      "too-many-redirects",
      `The server redirected more than ${mostRedirects} times; the last was to ${shown(url)}.`,
    );
  }

  #request(url: URL, signal: AbortSignal): Promise<IncomingMessage> {
    const { ca, silenceMs, userAgent } = this.#options;
    return new Promise((resolve, reject) => {
      const options = {
        signal,
        agent: proxyTo(url) ?? (false as const),
        headers: { "user-agent": userAgent, "accept-encoding": "identity" },
      };
      const request =
        url.protocol === "https:"
          ? httpsRequest(url, { ...options, ...(ca === undefined ? {} : { ca }) })
          : httpRequest(url, options);
      request.setTimeout(silenceMs, () => request.destroy(new Error(`nothing was heard for ${silenceMs / 1_000} s`)));
      request.on("response", resolve);
      request.on("error", (cause) =>
        reject(unreachable(`${shown(url)} could not be reached: ${reason(cause)}`, cause)),
      );
      request.end();
    });
  }
}

/** Takes an answer's body in: measured, bounded, written, and on disk when it resolves. */
async function receive(
  response: IncomingMessage,
  file: FileHandle,
  { sizeBytes, largestBytes, roomBytes }: FetchOrder,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<Image> {
  const announced = announcedBytes(response);
  if (announced !== null) {
    if (sizeBytes !== null && announced !== sizeBytes) throw wrongSize(announced, sizeBytes);
    refuseTooMuch(announced, largestBytes, roomBytes);
  }
  const totalBytes = announced ?? sizeBytes;
  const hash = createHash("sha256");
  let receivedBytes = 0;
  let unsyncedBytes = 0;
  try {
    for await (const piece of response as AsyncIterable<Buffer>) {
      signal.throwIfAborted();
      receivedBytes += piece.length;
      unsyncedBytes += piece.length;
      if (sizeBytes !== null && receivedBytes > sizeBytes) throw wrongSize(receivedBytes, sizeBytes);
      refuseTooMuch(receivedBytes, largestBytes, roomBytes);
      hash.update(piece);
      await file.writeFile(piece);
      if (unsyncedBytes >= syncEveryBytes) {
        await file.datasync();
        unsyncedBytes = 0;
      }
      onProgress({ receivedBytes, totalBytes });
    }
  } catch (cause) {
    if (cause instanceof AgentError || signal.aborted) throw cause;
    throw lostAfter(receivedBytes, totalBytes, cause);
  }
  if (announced !== null && receivedBytes !== announced) throw lostAfter(receivedBytes, totalBytes, undefined);
  if (sizeBytes !== null && receivedBytes !== sizeBytes) throw wrongSize(receivedBytes, sizeBytes);
  await file.sync();
  return { sha256: hash.digest("hex"), sizeBytes: receivedBytes };
}

function announcedBytes({ headers }: IncomingMessage): number | null {
  const length = headers["content-length"];
  return length !== undefined && /^\d+$/.test(length) ? Number(length) : null;
}

function refuseTooMuch(bytes: number, largestBytes: number, roomBytes: number): void {
  if (bytes > largestBytes) {
    throw new AgentError(
      "image-too-large",
      `The image has ${bytes} bytes or more; this board accepts ${largestBytes}.`,
    );
  }
  if (bytes > roomBytes) {
    throw new AgentError(
      "no-space",
      `The image has ${bytes} bytes or more; the board has room for ${roomBytes}. Free some space, then ask again.`,
    );
  }
}

function wrongSize(bytes: number, promised: number): AgentError {
  return new AgentError(
    "bad-size",
    `The image has ${bytes} bytes, but ${promised} were promised. Check the file on the server, then ask again.`,
  );
}

function lostAfter(receivedBytes: number, totalBytes: number | null, cause: unknown): AgentError {
  const total = totalBytes === null ? "an unknown number" : String(totalBytes);
  const why = cause === undefined ? "the server ended it early" : reason(cause);
  return unreachable(`The download was lost after ${receivedBytes} of ${total} bytes: ${why}`, cause);
}

function unreachable(message: string, cause: unknown): AgentError {
  return new AgentError("unreachable", `${message}. Check the server and the link, then ask again.`, { cause });
}

function parse(uri: string, base?: URL): URL {
  if (!URL.canParse(uri, base?.href)) throw new AgentError("bad-address", "The image's address is not a URL.");
  const url = new URL(uri, base);
  if (url.protocol === "https:" || url.protocol === "http:") return url;
  throw new AgentError("bad-address", `The image's address begins with ${url.protocol}, not with https:.`);
}

/** A URL for people: a query string may be a signature, and what stands before the host a password. */
function shown({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}

function reason(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.message || ("code" in cause ? String(cause.code) : cause.name);
}
