import { request as httpsRequest } from "node:https";
import type { IncomingHttpHeaders } from "node:http";
import type { LocalHub } from "../../service-tools/local-hub/options.ts";
import { sasToken } from "./sas-token.ts";

/** What it takes to reach a hub, in this process or another. */
export type Reachable = Pick<LocalHub, "ports" | "ca" | "serviceConnectionString" | "deviceConnectionString">;

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface RawRequest {
  readonly method: string;
  /** With its query, as it goes over the wire. */
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** One HTTPS request to a port of this machine, trusting this authority, with no SDK in between. */
export async function rawHttps(
  port: number,
  ca: string,
  { method, path, headers = {}, body }: RawRequest,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const asked = httpsRequest({ host: "localhost", port, ca, method, path, headers, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () => {
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks).toString() });
      });
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

/** The same to the hub's REST API, as the owner unless the request brings its own Authorization. */
export async function callHub(hub: Reachable, request: RawRequest): Promise<RawAnswer> {
  const authorization = { authorization: serviceToken(hub) };
  return rawHttps(hub.ports.https, hub.ca, { ...request, headers: { ...authorization, ...request.headers } });
}

export const apiVersion = "api-version=2021-04-12";

/** The same with the API's version in the query; a body that is no text goes as JSON. */
export async function callRest(
  hub: Reachable,
  method: string,
  path: string,
  body?: unknown,
  ifMatch?: string,
): Promise<RawAnswer> {
  return callHub(hub, {
    method,
    path: `${path}${path.includes("?") ? "&" : "?"}${apiVersion}`,
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    ...(ifMatch === undefined ? {} : { headers: { "if-match": ifMatch } }),
  });
}

export function jsonOf(answer: RawAnswer): Record<string, unknown> {
  const value: Record<string, unknown> = JSON.parse(answer.body);
  return value;
}

/** A token made by hand from a service connection string of the hub. */
export function serviceToken(hub: Reachable, connectionString = hub.serviceConnectionString()): string {
  const { HostName, SharedAccessKeyName, SharedAccessKey } = parts(connectionString);
  return sasToken(HostName ?? "", SharedAccessKey ?? "", Math.ceil(Date.now() / 1000) + 3600, SharedAccessKeyName);
}

/** The fields of a connection string. */
export function parts(connectionString: string): Record<string, string | undefined> {
  const fields = connectionString.split(";").map((field): [string, string] => {
    const at = field.indexOf("=");
    return [field.slice(0, at), field.slice(at + 1)];
  });
  return Object.fromEntries(fields);
}
