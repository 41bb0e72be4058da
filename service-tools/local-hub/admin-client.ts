import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";

/** How to reach a running hub: from its context.json. */
export interface HubAddress {
  readonly connectionString: string;
  readonly caFile: string;
  readonly httpsPort: number;
  /** The port on which no fault acts. */
  readonly controlPort?: number;
}

/** The hub does not answer, or stops answering. */
export class HubNotResponding extends Error {
  constructor(cause: unknown) {
    super("The local hub does not answer", { cause });
    this.name = "HubNotResponding";
  }
}

/** The hub answers with an error. The message is the hub's. */
export class AdminRequestFailed extends Error {
  constructor(message: string) {
    super(message);
    this.name = "AdminRequestFailed";
  }
}

export interface AdminRequest {
  readonly path: string;
  readonly method?: "GET" | "POST" | "DELETE";
  readonly body?: object;
}

const TOKEN_LIFE_S = 3600;

/**
 * Sends a request to one of the hub's own pages, below /local-hub. Rejects with HubNotResponding when there is no answer, with
 * AdminRequestFailed when the answer is an error.
 */
export async function sendAdminRequest(
  address: HubAddress,
  { path, method = "GET", body }: AdminRequest,
): Promise<IncomingMessage> {
  const ca = await readFile(address.caFile, "utf8");
  const headers = { authorization: createToken(address.connectionString) };
  const options = {
    host: "localhost",
    port: address.controlPort ?? address.httpsPort,
    ca,
    path,
    method,
    headers,
    agent: false,
  };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request(options, resolve);
    outgoing.on("error", (error) => reject(new HubNotResponding(error)));
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
  if (response.statusCode === 200) return response;
  throw new AdminRequestFailed(await errorMessageIn(response, path));
}

/** The sentence in an error body, `{"Message":"ErrorCode:ArgumentInvalid;…"}`; without one, the status. */
async function errorMessageIn(response: IncomingMessage, path: string): Promise<string> {
  const lines: string[] = [];
  for await (const line of responseLines(response)) lines.push(line);
  const sentence = /"Message":"ErrorCode:\w+;(?<sentence>(?:[^"\\]|\\.)*)"/.exec(lines.join("\n"))?.groups?.[
    "sentence"
  ];
  if (sentence === undefined) return `The local hub answered ${response.statusCode} to ${path}.`;
  return String(JSON.parse(`"${sentence}"`));
}

/** The lines of a response, as they arrive. */
export async function* responseLines(response: IncomingMessage): AsyncGenerator<string> {
  let text = "";
  response.setEncoding("utf8");
  try {
    for await (const chunk of response) {
      text += String(chunk);
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      yield* lines;
    }
  } catch (error) {
    throw new HubNotResponding(error);
  }
  if (text !== "") yield text;
}

function createToken(connectionString: string): string {
  const field = (name: string): string => new RegExp(`(?:^|;)${name}=([^;]*)`).exec(connectionString)?.[1] ?? "";
  const audience = encodeURIComponent(field("HostName"));
  const expiryS = Math.ceil(Date.now() / 1000) + TOKEN_LIFE_S;
  const key = Buffer.from(field("SharedAccessKey"), "base64");
  const signature = createHmac("sha256", key).update(`${audience}\n${expiryS}`).digest("base64");
  return (
    `SharedAccessSignature sr=${audience}&sig=${encodeURIComponent(signature)}` +
    `&se=${expiryS}&skn=${field("SharedAccessKeyName")}`
  );
}
