import { BlockList, isIP } from "node:net";
import { AgentError } from "./errors.ts";

/* Which proxy the environment names for a server: `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy`, as curl reads them. */

type Environment = Readonly<Record<string, string | undefined>>;

/** For a name that has no port of its own. */
const defaultPorts: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

/** A proxy, and the variable of the environment that names it. */
export interface ProxySetting {
  /** May hold a password. */
  readonly url: URL;
  readonly variable: string;
}

/**
 * The proxy for a server, an http or https URL; undefined for a direct connection. Lower-case names of variables go before
 * upper-case ones. Throws AgentError `proxy-invalid` when the variable does not hold a proxy's address.
 */
export function proxyForUrl(url: URL, environment: Environment = process.env): ProxySetting | undefined {
  const scheme = url.protocol.slice(0, -1);
  const setting = findSetting([`${scheme}_proxy`, "all_proxy"], environment);
  if (setting === undefined || isExcluded(url, findSetting(["no_proxy"], environment)?.value ?? "")) return undefined;
  return { url: parseProxy(setting), variable: setting.variable };
}

/** `host:port` of a proxy, for messages: without its password. */
export function proxyName({ hostname, port, protocol }: URL): string {
  return `${hostname}:${port === "" ? (defaultPorts[protocol] ?? "") : port}`;
}

interface Setting {
  readonly variable: string;
  readonly value: string;
}

function findSetting(variables: readonly string[], environment: Environment): Setting | undefined {
  for (const variable of variables.flatMap((name) => [name, name.toUpperCase()])) {
    const value = environment[variable]?.trim() ?? "";
    if (value !== "") return { variable, value };
  }
  return undefined;
}

/** No message quotes the value: it may hold a password. */
function parseProxy({ variable, value }: Setting): URL {
  const invalid = (why: string): AgentError =>
    new AgentError(
      "proxy-invalid",
      `${variable} ${why}. Set it to http://host:port in the environment of the agent's service, then restart the service.`,
    );
  if (/^["']|["']$/.test(value)) throw invalid("has quotation marks that belong to its value");
  const scheme = /^([^:/@]*):\/\//.exec(value)?.[1];
  if (scheme !== undefined && !/^https?$/i.test(scheme))
    throw invalid(`names a proxy of the kind ${scheme.slice(0, 20)}, and only http and https proxies are supported`);
  const text = scheme === undefined ? `http://${value}` : value;
  if (!URL.canParse(text))
    throw invalid("is not the address of a proxy: check its brackets, its port and its password");
  const url = new URL(text);
  if (url.port === "0") throw invalid("has port 0");
  // https-proxy-agent decodes them, and would throw a URIError.
  if (!isEncoded(url.username) || !isEncoded(url.password))
    throw invalid("has a % in its name or password that is not written as %25");
  return url;
}

function isEncoded(text: string): boolean {
  return !/%(?![0-9a-f]{2})/i.test(text) && isDecodable(text);
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false; // Bytes that are not UTF-8.
  }
}

/** Whether a list of exceptions, separated by commas or spaces, holds the server. */
function isExcluded(url: URL, exceptions: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const port = Number(url.port) || (defaultPorts[url.protocol] ?? 0);
  return exceptions
    .toLowerCase()
    .split(/[\s,]+/)
    .some((exception) => exception !== "" && matches(exception, host, port));
}

/** One exception: `*`, a name with the names below it, an address, a network (CIDR); all but `*` and networks with a port if wanted. */
function matches(exception: string, host: string, port: number): boolean {
  if (exception === "*") return true;
  if (exception.includes("/")) return isInNetwork(host, exception);
  const { name, only } = splitPort(exception);
  if (only !== undefined && only !== port) return false;
  if (isIP(host) !== 0) return isIP(name) !== 0 && isInNetwork(host, name);
  const domain = name.replace(/^\*?\.|^\*|\.$/g, "");
  const bare = host.replace(/\.$/, "");
  return domain !== "" && (bare === domain || bare.endsWith(`.${domain}`));
}

/** `::1` has no port, `[::1]:8443` and `host:8443` have. */
function splitPort(exception: string): { name: string; only: number | undefined } {
  const bracketed = /^\[(.*)\](?::(\d+))?$/.exec(exception);
  const parts = bracketed ?? (isIP(exception) === 6 ? null : /^([^:]*):(\d+)$/.exec(exception));
  return { name: parts?.[1] ?? exception, only: parts?.[2] === undefined ? undefined : Number(parts[2]) };
}

/** Compares addresses, however they are written. A network that cannot be read matches nothing. */
function isInNetwork(host: string, network: string): boolean {
  const family = isIP(host);
  const [address = "", bits] = network.replace(/[[\]]/g, "").split("/");
  if (family === 0 || isIP(address) !== family) return false;
  const most = family === 6 ? 128 : 32;
  const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Infinity;
  if (prefix > most) return false;
  const type = family === 6 ? "ipv6" : "ipv4";
  const list = new BlockList();
  list.addSubnet(address, prefix, type);
  return list.check(host, type);
}
