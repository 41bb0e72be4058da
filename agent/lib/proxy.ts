import { Agent } from "node:https";
import { HttpsProxyAgent } from "https-proxy-agent";
import { getProxyForUrl } from "proxy-from-env";

/**
 * The proxy that leads to a server, as curl reads `https_proxy` and `no_proxy`; undefined where the way is direct.
 * Connections through it are tunnels: what is in them stays between the two ends.
 */
export function proxyAgentFor(url: URL): HttpsProxyAgent<string> | undefined {
  const proxy = getProxyForUrl(url.href);
  return proxy === "" ? undefined : new HttpsProxyAgent(proxy);
}

/** An agent for the hub's WebSocket, for which the SDK insists on port 443: the agent alone knows the port. */
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
