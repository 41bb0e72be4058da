import { findings, type Finding } from "./finding.ts";

/** The first stop on the way to the hub: the hub or its gateway, or a proxy. */
export interface FirstHop {
  readonly host: string;
  readonly port: number;
  readonly kind: "hub" | "proxy";
}

export interface DnsFacts {
  readonly hop: FirstHop;
  /** Empty where the name could not be resolved. */
  readonly addresses: readonly string[];
  /** Node's code for why not. */
  readonly code: string | null;
}

const dns = findings("dns");

export function checkDns({ hop: way, addresses, code }: DnsFacts): Finding {
  if (addresses.length > 0) return dns.ok(`${way.host} is ${addresses.slice(0, 3).join(", ")}`);
  const isUnknown = code === "ENOTFOUND";
  return dns.fault(
    `${way.host} cannot be resolved (${code ?? "no address"})${isUnknown ? "" : ": no name server answers"}`,
    isUnknown
      ? `Check the name of the ${way.kind}; if it is right, ask the name server of this network: getent hosts ${way.host}`
      : "Check the network cable or Wi-Fi, then the name servers in /etc/resolv.conf: resolvectl status",
  );
}

/** A try to open a TCP connection. */
export interface PortFacts {
  readonly port: number;
  /** Null where it opened; else Node's code, such as ECONNREFUSED or ETIMEDOUT. */
  readonly code: string | null;
}

/**
 * @param used the port that the configured transport speaks to
 * @param other that of the other transport
 */
export function checkPorts(
  way: FirstHop,
  transport: "mqtt" | "mqtt-ws",
  used: PortFacts,
  other: PortFacts,
): readonly Finding[] {
  const usedFindings = findings(`port ${used.port}`);
  const otherFindings = findings(`port ${other.port}`);
  const ofOther =
    other.code === null
      ? otherFindings.ok("open; the configured transport does not need it")
      : otherFindings.ok(`not open (${other.code}); the configured transport does not need it`);
  const others = used.port === other.port ? [] : [ofOther];
  if (used.code === null) return [usedFindings.ok(`open at ${way.host}`), ...others];
  const why =
    used.code === "ECONNREFUSED"
      ? "is refused: nobody listens there, or a firewall rejects it"
      : used.code === "ETIMEDOUT"
        ? "is not answered: most likely a firewall drops it"
        : `cannot be opened (${used.code})`;
  const change = transport === "mqtt" ? `set hub.transport = "mqtt-ws"` : `set hub.transport = "mqtt"`;
  const advice =
    other.code === null && way.kind === "hub"
      ? `Let this board out to ${way.host} on port ${used.port}; or ${change}, since port ${other.port} is open`
      : `Let this board out to ${way.host} on port ${used.port}; see whether the ${way.kind} is up, and whether a firewall or proxy of this network stands between`;
  return [usedFindings.fault(`TCP to ${way.host}, port ${used.port}, ${why}`, advice), ...others];
}
