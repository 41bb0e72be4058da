import type { DnsFacts, FirstHop, PortFacts, TlsFacts } from "../../board/probes/facts.ts";
import type { ConnectionErrorKind } from "../../hub/connection-error.ts";
import { expiresTokens, isClockWrong } from "../../hub/clock-offset.ts";
import { diagnosisMessages } from "../../hub/reconnect-policy.ts";
import { certificateAdvice, certificateFault, certificateFaultWords } from "../../contract/certificate-errors.ts";
import { findings, type Finding } from "./finding.ts";

/* The way to the hub, in the order in which a connection takes it: name, port, certificate, login, twin. */

const dns = findings("dns");

export function checkDns({ hop, addresses, code }: DnsFacts): Finding {
  if (addresses.length > 0) return dns.ok(`${hop.host} is ${addresses.slice(0, 3).join(", ")}`);
  const isUnknown = code === "ENOTFOUND";
  return dns.fault(
    `${hop.host} cannot be resolved (${code ?? "no address"})${isUnknown ? "" : ": no name server answers"}`,
    isUnknown
      ? `Check the name of the ${hop.kind}; if it is right, ask the name server of this network: getent hosts ${hop.host}`
      : "Check the network cable or Wi-Fi, then the name servers in /etc/resolv.conf: resolvectl status",
  );
}

/**
 * @param used the port of the configured transport
 * @param other the port of the other transport
 */
export function checkPorts(
  hop: FirstHop,
  transport: "mqtt" | "mqtt-ws",
  used: PortFacts,
  other: PortFacts,
): readonly Finding[] {
  const usedFindings = findings(`port ${used.port}`);
  const otherFindings = findings(`port ${other.port}`);
  const state = other.code === null ? "open" : `not open (${other.code})`;
  const others =
    used.port === other.port ? [] : [otherFindings.ok(`${state}; the configured transport does not need it`)];
  if (used.code === null) return [usedFindings.ok(`open at ${hop.host}`), ...others];
  const why =
    used.code === "ECONNREFUSED"
      ? "is refused: no program listens there, or a firewall rejects it"
      : used.code === "ETIMEDOUT"
        ? "is not answered: most likely a firewall drops it"
        : `cannot be opened (${used.code})`;
  const change = transport === "mqtt" ? `set hub.transport = "mqtt-ws"` : `set hub.transport = "mqtt"`;
  const open = `Let this board connect to ${hop.host} on port ${used.port}`;
  const advice =
    other.code === null && hop.kind === "hub"
      ? `${open}; or ${change}, since port ${other.port} is open`
      : `${open}; check that the ${hop.kind} runs, and that no firewall or proxy of this network blocks it`;
  return [usedFindings.fault(`TCP to ${hop.host}, port ${used.port}, ${why}`, advice), ...others];
}

const tls = findings("tls");

export function checkTls({ code, issuer, validFrom, validTo, host, ownAuthority }: TlsFacts): Finding {
  if (code === null) return tls.ok(`trusted: signed by ${issuer ?? "an authority"}, valid until ${validTo ?? "?"}`);
  const fault = certificateFault(code);
  if (fault !== undefined) {
    const isTime = fault === "expired" || fault === "not-yet-valid";
    const details = isTime ? `valid from ${validFrom ?? "?"} to ${validTo ?? "?"}` : `signed by ${issuer ?? "?"}`;
    const what = `the certificate that ${host} shows ${certificateFaultWords[fault]} (${code}; ${details})`;
    const nameAuthority = ownAuthority
      ? "put it into hub.ca-file"
      : "update ca-certificates (apt install --only-upgrade ca-certificates) for one of Azure's hubs, or set hub.ca-file, or provision with --ca-file";
    return tls.fault(what, certificateAdvice(fault, "board", nameAuthority).replace(/\.$/, ""));
  }
  if (issuer === null)
    return tls.fault(
      `the server does not speak TLS (${code})`,
      "Check whether another program than the hub listens there",
    );
  return tls.fault(`the server's certificate is not accepted (${code})`, "Replace it on the server");
}

/** How far a connection to the hub came. */
export type LoginFacts =
  /** The running agent is connected; a second connection would end the first. */
  | { readonly kind: "agent-connected" }
  | { readonly kind: "connected" }
  | { readonly kind: "no-twin"; readonly error: ConnectionErrorKind; readonly message: string }
  | { readonly kind: "failed"; readonly error: ConnectionErrorKind; readonly message: string }
  /** There is no connection string, or an earlier check failed. */
  | { readonly kind: "not-tried" };

const login = findings("login");
const tier = findings("hub tier");

/** The board's clock beside the hub's, which may be why a login is refused. */
export interface LoginClock {
  /** The board's time minus the hub's, in milliseconds; null where it is not known. */
  readonly offsetMs: number | null;
  /** Whether a time server has set it since the board started. */
  readonly synchronized: boolean;
}

/** Whether the hub accepts the board, and whether it has what the agent needs. */
export function checkLogin(facts: LoginFacts, clock: LoginClock): readonly [Finding, Finding] {
  const unknownTier = tier.unknown("not checked: not connected");
  switch (facts.kind) {
    case "agent-connected":
      return [login.ok("the running agent is connected to the hub"), tier.ok("the hub has twins and methods")];
    case "connected":
      return [login.ok("the hub accepts this board's credentials"), tier.ok("the hub has twins and methods")];
    case "no-twin":
      return [login.ok("the hub accepts this board's credentials"), checkTier(facts.error, facts.message)];
    case "not-tried":
      return [login.unknown("not tried: correct the faults above first"), unknownTier];
    case "failed":
      return [checkFailedLogin(facts.error, facts.message, clock), unknownTier];
  }
}

function checkFailedLogin(error: ConnectionErrorKind, message: string, clock: LoginClock): Finding {
  if (error !== "refused") {
    return login.fault(
      `no connection: ${message}`,
      "Correct the faults above; if there are none, check the state of the hub itself",
    );
  }
  const { offsetMs, synchronized } = clock;
  if (offsetMs !== null && expiresTokens(offsetMs))
    return login.fault(
      "the hub refuses this board's token, because the board's clock is wrong",
      "Set the clock, then run doctor again",
    );
  if (offsetMs === null && !synchronized)
    return login.fault(
      "the hub refuses this board: its clock is wrong (nothing has set it, and the hub's own time could not be asked for), or its key is, or the device is disabled or deleted",
      "Set the clock and run doctor again; if the hub still refuses the board: sudo boardkeeper-agent provision",
    );
  const beside = offsetMs === null || !isClockWrong(offsetMs) ? "" : " (its wrong clock is not why)";
  return login.fault(
    `the hub refuses this board's credentials${beside}: wrong key, or the device is disabled or deleted`,
    "Compare the device with the hub (boardkeeper device show), then give the board its connection string: sudo boardkeeper-agent provision",
  );
}

/** Publishing to a twin's topic ends a Basic hub's connection: eclipse-threadx/getting-started#67. */
function checkTier(error: ConnectionErrorKind, message: string): Finding {
  if (error === "throttled") return tier.unknown(diagnosisMessages.busy);
  if (error === "quota") return tier.warning(diagnosisMessages.quota);
  if (error === "hub-error") return tier.unknown(`the hub cannot answer now: ${message}`, "Run doctor again later");
  const basic = "most likely its tier is Basic, which has no twins and no methods";
  const advice = "Boardkeeper needs a hub of the Standard or the Free tier";
  if (error !== "lost") return tier.fault(`the hub did not give the board its twin (${message}): ${basic}`, advice);
  return tier.fault(
    `the hub ended the connection when the board asked for its twin: ${basic}; or another agent uses the same identity`,
    `${advice}; and each board needs an identity of its own`,
  );
}
