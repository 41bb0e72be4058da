import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { certificateAdvice, certificateFault, certificateFaultWords } from "../../contract/certificate-errors.ts";
import { AgentError, errorCode } from "../../lib/errors.ts";
import { proxyAgentFor } from "../../lib/proxy.ts";
import type { ImageResponse, HttpSource, ImageRequest } from "../../download/ports.ts";
import { bodyChunks } from "./body-chunks.ts";
import { request as httpRequest } from "../../lib/node-http.ts";

export interface HttpsSourceOptions {
  readonly allowHttp: boolean;
  /** PEM of a further authority for the servers' certificates. */
  readonly ca: string | undefined;
  readonly userAgent: string;
}

const maxRedirects = 5;

/** Downloads images from web servers. */
export class HttpsSource implements HttpSource {
  readonly #options: HttpsSourceOptions;

  constructor(options: HttpsSourceOptions) {
    this.#options = options;
  }

  /** Follows up to 5 redirects, and never one from https to http. */
  async get(asked: ImageRequest, signal: AbortSignal): Promise<ImageResponse> {
    let url = parse(asked.uri);
    for (let redirects = 0; redirects <= maxRedirects; redirects += 1) {
      if (url.protocol === "http:" && !this.#options.allowHttp) {
        throw new AgentError(
          "insecure-address",
          `Plain http is not allowed (${displayUrl(url)}). Serve the image over https.`,
        );
      }
      const response = await this.#request(url, rangeHeaders(asked, displayUrl(url)), signal);
      const { statusCode = 0, headers } = response;
      const isRedirect = [301, 302, 303, 307, 308].includes(statusCode) && headers.location !== undefined;
      if (!isRedirect) return toAnswer(response, displayUrl(url));
      response.destroy();
      const next = parse(headers.location ?? "", url);
      if (url.protocol === "https:" && next.protocol !== "https:") {
        throw new AgentError(
          "insecure-redirect",
          `${displayUrl(url)} redirects from https to ${displayUrl(next)}, which is never followed. Correct its redirects.`,
        );
      }
      url = next;
    }
    throw new AgentError(
      "too-many-redirects",
      `The server redirected more than ${maxRedirects} times; the last was to ${displayUrl(url)}. Correct its redirects.`,
    );
  }

  async #request(url: URL, range: Readonly<Record<string, string>>, signal: AbortSignal): Promise<IncomingMessage> {
    const { ca, userAgent } = this.#options;
    const agent = proxyAgentFor(url) ?? (false as const);
    return await new Promise((resolve, reject) => {
      const options = {
        signal,
        agent,
        headers: { "user-agent": userAgent, "accept-encoding": "identity", ...range },
      };
      const request =
        url.protocol === "https:"
          ? httpsRequest(url, { ...options, ...(ca === undefined ? {} : { ca }) })
          : httpRequest(url, options);
      request.on("response", (response) => {
        response.on("error", () => undefined); // The reader of the body gets it, if there is one.
        resolve(response);
      });
      request.on("error", (cause) => reject(requestError(displayUrl(url), cause)));
      request.end();
    });
  }
}

/** Requests the rest. With If-Range where the validator came from this very address. */
function rangeHeaders({ fromBytes, source }: ImageRequest, address: string): Record<string, string> {
  if (fromBytes === 0) return {};
  const range = { range: `bytes=${fromBytes}-` };
  const validator = source?.address === address ? source.validator : null;
  return validator === null ? range : { ...range, "if-range": validator };
}

function toAnswer(response: IncomingMessage, address: string): ImageResponse {
  const { headers, statusCode = 0 } = response;
  return {
    address,
    status: statusCode,
    headers: {
      etag: headers.etag ?? null,
      lastModified: headers["last-modified"] ?? null,
      date: headers.date ?? null,
      contentLength: headers["content-length"] ?? null,
      contentRange: headers["content-range"] ?? null,
      retryAfter: headers["retry-after"] ?? null,
    },
    isLengthKnown: headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined,
    body: bodyOf(response),
    close: () => response.destroy(),
  };
}

async function* bodyOf(response: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    yield* bodyChunks(response);
  } catch (cause) {
    throw unreachable(`The connection was lost: ${describeCause(cause)}`, cause);
  }
}

/** Why a request got no response, with what to do about it. */
function requestError(address: string, cause: unknown): AgentError {
  const code = errorCode(cause) ?? "";
  const fault = certificateFault(code);
  if (fault === undefined) return unreachable(`${address} could not be reached: ${describeCause(cause)}`, cause);
  const advice = certificateAdvice(fault, "board", "set update.ca-file to its certificate");
  const words = `its certificate ${certificateFaultWords[fault]} (${code})`;
  return new AgentError("unreachable", `${address} could not be reached: ${words}. ${advice}`, { cause });
}

function unreachable(message: string, cause: unknown): AgentError {
  return new AgentError("unreachable", `${message}. Check the server and the network, then request the update again.`, {
    cause,
  });
}

function parse(uri: string, base?: URL): URL {
  if (!URL.canParse(uri, base?.href))
    throw new AgentError("bad-address", "The image's address is not a URL. Give an https:// URL.");
  const url = new URL(uri, base);
  if (url.protocol === "https:" || url.protocol === "http:") return url;
  if (url.protocol === "file:") {
    const message = "The image that was uploaded on the board is gone. Upload it again with boardkeeper-agent install.";
    throw new AgentError("bad-address", message);
  }
  throw new AgentError(
    "bad-address",
    `The image's address begins with ${url.protocol}, not with https:. Give an https:// URL.`,
  );
}

/** A URL for messages: without the query string, which may be a signature, and without the password before the host. */
function displayUrl({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}

function describeCause(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.message || ("code" in cause ? String(cause.code) : cause.name);
}
