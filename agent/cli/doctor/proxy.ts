import { findings, type Finding } from "./finding.ts";

/* The proxy that the environment names (`https_proxy`, `all_proxy`): whether it can be understood, and whether it lets this board through. */

const proxy = findings("proxy");

const onlyDownloads = "only downloads use it, because MQTT over TCP uses no proxy";

/** A proxy by `host:port`, and the variable of the environment that names it. */
interface NamedProxy {
  readonly name: string;
  readonly variable: string;
}

/**
 * @param problem why the proxy opens no tunnel to the hub; null where it does
 * @param isForLink whether the link to the hub goes through it (hub.transport = "mqtt-ws")
 */
export function checkProxy({ name, variable }: NamedProxy, problem: string | null, isForLink: boolean): Finding {
  if (problem === null) return proxy.ok(`${name} opens tunnels${isForLink ? "" : `; ${onlyDownloads}`}`);
  const advice = `Correct ${variable} and no_proxy in the environment of the service (docs/configuration.md), or the proxy`;
  if (isForLink) return proxy.fault(problem, advice);
  return proxy.warning(`${problem}; ${onlyDownloads}`, `${advice}; it may allow the server of the images all the same`);
}

/** @param problem what is wrong with the variable, in whole sentences with advice */
export function checkProxySetting(problem: string, isForLink: boolean): Finding {
  const [what = problem, ...advice] = problem.replace(/\.$/, "").split(". ");
  if (isForLink) return proxy.fault(what, advice.join(". "));
  return proxy.warning(`${what}: every download fails`, advice.join(". "));
}
