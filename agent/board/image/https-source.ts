import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { AgentError } from "../../lib/errors.ts";
import { proxyAgentFor } from "../../lib/proxy.ts";
import type { ImageResponse, HttpSource, ImageRequest } from "../../download/ports.ts";
import { encodingProblem, excerpt, mayBePage, pageProblem } from "../../download/not-an-image.ts";
import { bodyChunks } from "./body-chunks.ts";
import { reusingReads } from "./reused-reads.ts";
import { connectionLost, requestError } from "../../download/request-error.ts";
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
      if (![301, 302, 303, 307, 308].includes(response.statusCode ?? 0))
        return await toAnswer(response, displayUrl(url));
      response.destroy();
      url = redirectTarget(url, response);
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
        ...(agent === false ? reusingReads() : {}),
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

/** Where a redirect leads. Throws an AgentError where it is one that cannot be followed. */
function redirectTarget(from: URL, { statusCode, headers }: IncomingMessage): URL {
  const redirects = `${displayUrl(from)} redirects (${statusCode})`;
  const { location = "" } = headers;
  if (location === "")
    throw new AgentError("bad-response", `${redirects} without an address (Location). Correct its redirects.`);
  if (!URL.canParse(location, from.href)) {
    const what = `to "${excerpt(location, 200)}", which is not an address`;
    throw new AgentError("bad-response", `${redirects} ${what}. Correct its redirects.`);
  }
  const to = new URL(location, from);
  if (to.protocol !== "https:" && to.protocol !== "http:") {
    const what = `to an address that begins with ${excerpt(to.protocol, 40)}, which this board does not fetch`;
    throw new AgentError("bad-response", `${redirects} ${what}. Correct its redirects.`);
  }
  if (from.protocol === "https:" && to.protocol !== "https:") {
    throw new AgentError(
      "insecure-redirect",
      `${displayUrl(from)} redirects from https to ${displayUrl(to)}, which is never followed. Correct its redirects.`,
    );
  }
  return to;
}

async function toAnswer(response: IncomingMessage, address: string): Promise<ImageResponse> {
  const { headers, statusCode = 0 } = response;
  const hasContent = statusCode === 200 || statusCode === 206;
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
    body: hasContent ? await imageBody(response, address) : bodyOf(response),
    close: () => response.destroy(),
  };
}

/** The body, unless it is recognizably not the image: then it rejects with an AgentError, and bytes on disk are kept. */
async function imageBody(response: IncomingMessage, address: string): Promise<AsyncIterable<Uint8Array>> {
  const { "content-type": type = "", "content-encoding": encoding } = response.headers;
  const refuse = (problem: string): never => {
    response.destroy();
    throw new AgentError("bad-response", problem);
  };
  const encoded = encodingProblem(address, encoding);
  if (encoded !== undefined) return refuse(encoded);
  const body = bodyOf(response);
  if (!mayBePage(type)) return body;
  const first = await body.next();
  if (first.done === true) return body;
  const page = pageProblem(address, type, first.value);
  return page === undefined ? withFirst(first.value, body) : refuse(page);
}

async function* withFirst(first: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}

async function* bodyOf(response: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    yield* bodyChunks(response);
  } catch (cause) {
    throw connectionLost(cause);
  }
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
