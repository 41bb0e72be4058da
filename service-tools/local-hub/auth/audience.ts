/** The names under which this hub is spoken to, lower case, without ports, and the ports that may stand behind them. */
export interface HubNames {
  readonly hosts: readonly string[];
  readonly ports: readonly number[];
}

/** True for one of the hub's names, alone or with one of its ports: `localhost`, `localhost:18883`, `[::1]:18883` … */
export function isHubName(text: string, { hosts, ports }: HubNames): boolean {
  const match = /^(?<host>\[[^\]]+\]|[^:]*|[0-9a-f:]*::[0-9a-f:]*)(?::(?<port>\d+))?$/i.exec(text);
  const host = match?.groups?.["host"]?.toLowerCase().replace(/^\[(.*)\]$/, "$1");
  const port = match?.groups?.["port"];
  if (host === undefined || !hosts.includes(host)) return false;
  return port === undefined || ports.includes(Number(port));
}

/**
 * True when a token for this audience opens this path: the hub's name, then a prefix of the path "by segment and not by
 * character: /a/b is a prefix for /a/b/c but not for /a/bc" (iot-hub-dev-guide-sas). Older SDKs sign it in lower case.
 */
export function audienceCovers(audience: string, path: readonly string[], names: HubNames): boolean {
  const [host = "", ...segments] = audience.split("/").filter((segment, index) => index === 0 || segment !== "");
  if (!isHubName(host, names) || segments.length > path.length) return false;
  return segments.every((segment, index) => segment.toLowerCase() === path[index]?.toLowerCase());
}
