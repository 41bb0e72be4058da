import { Agent } from "node:https";
import { HttpsProxyAgent } from "https-proxy-agent";
import { getProxyForUrl } from "proxy-from-env";

/**
 * An agent for the proxy to a server, by `https_proxy` and `no_proxy` as curl reads them; undefined for a direct connection.
 * Connections through it are tunnels: TLS is end to end.
 */
export function proxyAgentFor(url: URL): HttpsProxyAgent<string> | undefined {
  const proxy = getProxyForUrl(url.href);
  return proxy === "" ? undefined : new HttpsProxyAgent(proxy);
}

/** An agent for the hub's WebSocket: it sets the port, because the SDK always asks for 443. */
export function webSocketAgent(host: string, port: number, ca: string | undefined): Agent | HttpsProxyAgent<string> {
  const proxy = getProxyForUrl(`https://${host}:${port}`);
  return proxy === "" ? new Agent({ port, ...(ca === undefined ? {} : { ca }) }) : new ProxyAgentToPort(proxy, port);
}

type Connect = HttpsProxyAgent<string>["connect"];

class ProxyAgentToPort extends HttpsProxyAgent<string> {
  readonly #port: number;

  constructor(proxy: string, port: number) {
    super(proxy);
    this.#port = port;
  }

  override connect(...[request, options]: Parameters<Connect>): ReturnType<Connect> {
    return super.connect(request, { ...options, port: this.#port });
  }
}
