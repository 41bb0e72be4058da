import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import { request } from "node:https";
import type { IncomingMessage } from "node:http";

/** How to reach a running hub: what its context.json says. */
export interface HubAddress {
  readonly connectionString: string;
  readonly caFile: string;
  readonly httpsPort: number;
  /** Where no fault is in the way. */
  readonly controlPort?: number;
}

/** The hub does not answer, or stops answering. */
export class HubNotResponding extends Error {
  constructor(cause: unknown) {
    super("The local hub does not answer", { cause });
    this.name = "HubSilent";
  }
}

/** The hub answers, and does not do what it was asked for. The message says why. */
export class AdminRequestFailed extends Error {
  constructor(why: string) {
    super(why);
    this.name = "PageRefused";
  }
}

export interface AdminRequest {
  readonly path: string;
  readonly method?: "GET" | "POST" | "DELETE";
  readonly body?: object;
}

const TOKEN_LIFE_S = 3600;

/** Asks for one of the hub's own pages, below /local-hub. Rejects with HubSilent when nobody answers, with PageRefused for a refusal. */
export async function sendAdminRequest(
  address: HubAddress,
  { path, method = "GET", body }: AdminRequest,
): Promise<IncomingMessage> {
  const ca = await readFile(address.caFile, "utf8");
  const headers = { authorization: createToken(address.connectionString) };
  const to = {
    host: "localhost",
    port: address.controlPort ?? address.httpsPort,
    ca,
    path,
    method,
    headers,
    agent: false,
  };
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request(to, resolve);
    asked.on("error", (error) => reject(new HubNotResponding(error)));
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
  if (answer.statusCode === 200) return answer;
  throw new AdminRequestFailed(await errorMessageIn(answer, path));
}

/** The sentence in an error's body: `{"Message":"ErrorCode:ArgumentInvalid;…"}`; the status, if there is none. */
async function errorMessageIn(answer: IncomingMessage, path: string): Promise<string> {
  const lines: string[] = [];
  for await (const line of responseLines(answer)) lines.push(line);
  const sentence = /"Message":"ErrorCode:\w+;(?<sentence>(?:[^"\\]|\\.)*)"/.exec(lines.join("\n"))?.groups?.[
    "sentence"
  ];
  if (sentence === undefined) return `The local hub answered ${answer.statusCode} to ${path}.`;
  return String(JSON.parse(`"${sentence}"`));
}

/** The lines of an answer, as they come. */
export async function* responseLines(answer: IncomingMessage): AsyncGenerator<string> {
  let text = "";
  answer.setEncoding("utf8");
  try {
    for await (const chunk of answer) {
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
