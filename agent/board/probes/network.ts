import { lookup } from "node:dns/promises";
import { request } from "node:https";
import { connect as connectTcp, isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import { errorMessage, errorCode } from "../../lib/errors.ts";
import { ProxyError, proxyAgentFor } from "../../lib/proxy.ts";
import type { DnsFacts, FirstHop, PortFacts, TlsFacts } from "./facts.ts";

/** A server that does not answer within this time counts as unreachable. */
const timeoutMs = 5_000;

export async function probeDns(way: FirstHop): Promise<DnsFacts> {
  try {
    const found = await lookup(way.host, { all: true });
    return { hop: way, addresses: found.map(({ address }) => address), code: null };
  } catch (cause) {
    return { hop: way, addresses: [], code: codeOf(cause) };
  }
}

export function probePort(host: string, port: number): Promise<PortFacts> {
  return new Promise((resolve) => {
    const socket = connectTcp({ host, port });
    const end = (code: string | null): void => {
      socket.destroy();
      resolve({ port, code });
    };
    socket.setTimeout(timeoutMs, () => end("ETIMEDOUT"));
    socket.once("connect", () => end(null));
    socket.once("error", (cause) => end(codeOf(cause)));
  });
}

/** The certificate that a server shows, and whether a strict client would trust it. Nothing is sent to the server. */
export function probeCertificate(host: string, port: number, ca: string | undefined): Promise<TlsFacts> {
  const asked = { host, ownAuthority: ca !== undefined };
  const nothing = { issuer: null, validFrom: null, validTo: null };
  return new Promise((resolve) => {
    const socket = connectTls({
      host,
      port,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(ca === undefined ? {} : { ca }),
      rejectUnauthorized: false, // To see what is wrong with it.
    });
    const end = (facts: Omit<TlsFacts, keyof typeof asked>): void => {
      socket.destroy();
      resolve({ ...asked, ...facts });
    };
    socket.setTimeout(timeoutMs, () => end({ code: "ETIMEDOUT", ...nothing }));
    socket.once("error", (cause) => end({ code: codeOf(cause), ...nothing }));
    socket.once("secureConnect", () => {
      const shown = socket.getPeerCertificate();
      const { O: organization, CN: name } = shown.issuer;
      end({
        code: socket.authorized ? null : String(socket.authorizationError),
        issuer: [organization, name].filter((one) => one !== undefined && one !== "").join(", ") || "nobody it names",
        validFrom: shown.valid_from,
        validTo: shown.valid_to,
      });
    });
  });
}

/** Why the proxy of the environment opens no tunnel to a server; null where it does. What the server then says does not matter. */
export function probeProxy(target: URL): Promise<string | null> {
  return new Promise((resolve) => {
    const agent = proxyAgentFor(target);
    if (agent === undefined) {
      resolve(null);
      return;
    }
    const asking = request(target, { agent, rejectUnauthorized: false });
    asking.once("response", (response) => {
      response.destroy();
      resolve(null);
    });
    asking.once("error", (cause) => resolve(cause instanceof ProxyError ? cause.message : null));
    // The proxy itself has its own, longer deadline: this one ends the wait for the server behind it.
    asking.once("socket", (socket) => socket.setTimeout(timeoutMs, () => asking.destroy(new Error("silent"))));
    asking.end();
  });
}

/**
 * The time in the Date header of the hub's web server, in milliseconds since 1970; null where there is none. For comparison only:
 * the certificate is not checked, since a wrong clock makes each look invalid. No credentials are sent. Uses the proxy of the
 * environment. Never rejects.
 */
export function probeHubDate(host: string, port: number, signal?: AbortSignal): Promise<number | null> {
  return new Promise((resolve) => {
    const target = new URL(`https://${isIP(host) === 6 ? `[${host}]` : host}:${port}`);
    let agent;
    try {
      agent = proxyAgentFor(target) ?? (false as const);
    } catch {
      resolve(null); // The proxy's setting is wrong, which the connection itself reports.
      return;
    }
    const asking = request(target, { agent, signal, timeout: timeoutMs, rejectUnauthorized: false });
    asking.once("response", (response) => {
      const ms = Date.parse(response.headers.date ?? "");
      response.destroy();
      resolve(Number.isNaN(ms) ? null : ms);
    });
    asking.once("timeout", () => asking.destroy());
    asking.once("close", () => resolve(null)); // Whatever the cause: the ports have findings of their own.
    asking.on("error", () => resolve(null));
    asking.end();
  });
}

function codeOf(cause: unknown): string {
  // When all addresses of a name fail, Node throws one error around theirs.
  const first: unknown = cause instanceof AggregateError ? cause.errors[0] : cause;
  return errorCode(first) ?? errorMessage(cause);
}
