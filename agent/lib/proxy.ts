import { Agent } from "node:https";
import { HttpsProxyAgent } from "https-proxy-agent";
import { errorMessage } from "./errors.ts";
import { proxyForUrl, proxyName, type ProxySetting } from "./proxy-settings.ts";

/** An error of a proxy on the way, not of the server behind it. `message` is a sentence that names the proxy, without secrets. */
export class ProxyError extends Error {
  /** A code of the system for a proxy that could not be reached; otherwise ERR_PROXY, so that nothing is blamed on the server. */
  readonly code: string;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "ProxyError";
    const { cause } = this;
    const isOfSystem = cause instanceof Error && "syscall" in cause && "code" in cause;
    this.code = isOfSystem ? String(cause.code) : "ERR_PROXY";
  }
}

/**
 * An agent for the proxy to a server, by `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy` as curl reads them; undefined for a direct connection.
 * Every connection through it is a tunnel, also for plain http: TLS is end to end, and what the proxy itself answers cannot be
 * taken for an answer of the server. Throws AgentError `proxy-invalid`; a request through it fails with ProxyError.
 */
export function proxyAgentFor(url: URL): TunnelAgent | undefined {
  const proxy = proxyForUrl(url);
  return proxy === undefined ? undefined : new TunnelAgent(proxy);
}

/** An agent for the hub's WebSocket: it sets the port, because the SDK always asks for 443. */
export function webSocketAgent(host: string, port: number, ca: string | undefined): Agent | TunnelAgent {
  const proxy = proxyForUrl(new URL(`https://${host}:${port}`));
  return proxy === undefined ? new Agent({ port, ...(ca === undefined ? {} : { ca }) }) : new TunnelAgent(proxy, port);
}

/**
 * How long a proxy may take to open a tunnel. Less than a connection to the hub may take (20 s) and than doctor waits for one
 * (15 s), so that the proxy is named; more than TCP's first three retransmissions (7 s).
 */
const tunnelWithinMs = 12_000;

type Connect = HttpsProxyAgent<string>["connect"];

/** What https-proxy-agent leaves open: a refused tunnel is an error here, where it plays the proxy's answer as the server's. */
class TunnelAgent extends HttpsProxyAgent<string> {
  readonly #port: number | undefined;
  /** The proxy and the variable that names it, for messages. */
  readonly #name: string;

  /** @param port replaces the port that is asked for */
  constructor(proxy: ProxySetting, port?: number) {
    super(proxy.url.href);
    this.#port = port;
    this.#name = `${proxyName(proxy.url)} (${proxy.variable})`;
  }

  override async connect(...[request, options]: Parameters<Connect>): ReturnType<Connect> {
    let status: number | undefined;
    request.once("proxyConnect", (answer: { statusCode: number }) => (status = answer.statusCode));
    // Without it, a proxy that says nothing would keep a socket for each request that was given up.
    const late = new AbortController();
    this.connectOpts = { ...this.connectOpts, signal: late.signal };
    const timer = setTimeout(() => late.abort(), tunnelWithinMs);
    let socket;
    try {
      socket = await super.connect(request, this.#port === undefined ? options : { ...options, port: this.#port });
    } catch (cause) {
      const why = late.signal.aborted ? `no answer within ${tunnelWithinMs / 1_000} s` : errorMessage(cause);
      throw new ProxyError(`the proxy ${this.#name} could not be used: ${why}`, { cause });
    } finally {
      clearTimeout(timer);
    }
    if (status === 200) return socket;
    socket.destroy();
    throw new ProxyError(`the proxy ${this.#name} ${describeRefusal(status ?? 0)}`);
  }
}

/** What a proxy's status means when it was asked for a tunnel (RFC 9110, 9.3.6 and 15). */
function describeRefusal(status: number): string {
  if (status === 407) return "asks for a name and password (407): give them as http://name:password@host:port";
  if (status === 403 || status === 405)
    return `does not allow this connection (${status}): let it open tunnels (CONNECT) to this host and port`;
  if (status >= 500) return `could not reach the server behind it (${status})`;
  return `did not open a tunnel (status ${status})`;
}
