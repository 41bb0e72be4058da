import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import { request } from "node:https";
import type { IncomingMessage } from "node:http";

/** How to reach a running hub: what its context.json says. */
export interface HubAddress {
  readonly connectionString: string;
  readonly caFile: string;
  readonly httpsPort: number;
}

/** The hub does not answer, or stops answering. */
export class HubSilent extends Error {
  constructor(cause: unknown) {
    super("The local hub does not answer", { cause });
    this.name = "HubSilent";
  }
}

const TOKEN_LIFE_S = 3600;

/** Asks for one of the hub's own pages, below /local-hub. Rejects with HubSilent when nobody answers. */
export async function getPage(address: HubAddress, path: string): Promise<IncomingMessage> {
  const ca = await readFile(address.caFile, "utf8");
  const headers = { authorization: tokenOf(address.connectionString) };
  return new Promise((resolve, reject) => {
    const asked = request({ host: "localhost", port: address.httpsPort, ca, path, headers, agent: false }, (answer) => {
      if (answer.statusCode === 200) {
        resolve(answer);
        return;
      }
      answer.resume();
      reject(new Error(`The local hub answered ${answer.statusCode} to ${path}.`));
    });
    asked.on("error", (error) => reject(new HubSilent(error)));
    asked.end();
  });
}

/** The lines of an answer, as they come. */
export async function* linesOf(answer: IncomingMessage): AsyncGenerator<string> {
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
    throw new HubSilent(error);
  }
  if (text !== "") yield text;
}

function tokenOf(connectionString: string): string {
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
