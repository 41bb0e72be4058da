import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createProxy } from "proxy";
import { onTestFinished, vi } from "vitest";

export interface RealProxy {
  readonly url: string;
  /** The hosts and ports that were asked of it. */
  readonly asked: string[];
  /** From now on the environment names it, until the end of the test. */
  use(): void;
}

/** A real proxy. It answers 407 where it does not allow a host and port. */
export async function realProxy(allows: (hostAndPort: string) => boolean = () => true): Promise<RealProxy> {
  const server = createProxy(createServer());
  server.authenticate = ({ url = "" }) => allows(url);
  const asked: string[] = [];
  server.on("connect", ({ url = "" }) => asked.push(url));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const use = (): void => {
    vi.stubEnv("https_proxy", url);
    vi.stubEnv("no_proxy", "");
    onTestFinished(() => void vi.unstubAllEnvs());
  };
  return { url, asked, use };
}
