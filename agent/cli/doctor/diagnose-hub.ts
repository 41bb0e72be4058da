import packageJson from "../../../package.json" with { type: "json" };
import { simulatedClock, systemClock, systemTimer } from "../../board/hardware/clocks.ts";
import type { FirstHop, TlsFacts } from "../../board/probes/facts.ts";
import { probeCertificate, probeDns, probeHubDate, probePort, probeProxy } from "../../board/probes/network.ts";
import { findTimeService } from "../../board/probes/systemd.ts";
import type { InspectedConfig } from "../../config/load.ts";
import type { HubAddress } from "../../hub/address.ts";
import { certificateFault } from "../../contract/certificate-errors.ts";
import { connectToAzure } from "../../hub/azure-connection.ts";
import { classifyError } from "../../hub/connection-error.ts";
import { createLog } from "../../lib/log.ts";
import { AgentError } from "../../lib/errors.ts";
import { proxyForUrl, proxyName } from "../../lib/proxy-settings.ts";
import type { Finding } from "./finding.ts";
import { checkClock } from "./hardware.ts";
import { checkDns, checkLogin, checkPorts, checkTls, type LoginFacts } from "./hub.ts";
import { checkProxy, checkProxySetting } from "./proxy.ts";

const loginTimeoutMs = 15_000;
const unknownClock = { offsetMs: null, synchronized: true } as const;

/**
 * Probes the way to the hub, one step after the other; a step that fails ends the probing. The clock is checked here, because
 * the hub's Date header is compared with it.
 * @param agent whether the agent of this board is a simulated one, and whether it is connected to the hub
 */
export async function diagnoseHub(
  { hub, hubCa, settings }: Pick<InspectedConfig, "hub" | "hubCa" | "settings">,
  agent: { readonly isSimulated: boolean; readonly isConnected: boolean },
): Promise<Finding[]> {
  const synchronized = await (agent.isSimulated ? simulatedClock : systemClock()).synchronized();
  const source = await findTimeService();
  const clockFacts = { nowMs: Date.now(), synchronized, source, isCertificateOutOfDate: false };
  if (hub === undefined)
    return [checkClock({ ...clockFacts, hubMs: null }), ...checkLogin({ kind: "not-tried" }, unknownClock)];
  const proxy = await diagnoseProxy(hub);
  const proxyFindings = proxy.finding === undefined ? [] : [proxy.finding];
  if (hub.webSocket && proxy.hop === undefined && proxy.finding !== undefined)
    return [
      checkClock({ ...clockFacts, hubMs: null }),
      ...proxyFindings,
      ...checkLogin({ kind: "not-tried" }, unknownClock),
    ];
  const port = hub.webSocket ? hub.webSocketPort : hub.mqttPort;
  const hop: FirstHop = proxy.hop ?? { host: hub.host, port, kind: "hub" };
  const dns = await probeDns(hop);
  const found = [checkDns(dns)];
  if (dns.addresses.length === 0)
    return [
      checkClock({ ...clockFacts, hubMs: null }),
      ...proxyFindings,
      ...found,
      ...checkLogin({ kind: "not-tried" }, unknownClock),
    ];
  found.unshift(...proxyFindings);
  const otherPort = hub.webSocket ? hub.mqttPort : hub.webSocketPort;
  const [used, other] = await Promise.all([probePort(hop.host, hop.port), probePort(hub.host, otherPort)]);
  found.push(...checkPorts(hop, settings.hubTransport, used, other));
  const isDirect = hop.kind === "hub";
  const hubMs = await probeHubDate(hub.host, hub.webSocketPort);
  const nowMs = Date.now();
  const isOpen = used.code === null;
  const certificate = isOpen && isDirect ? await probeCertificate(hop.host, hop.port, hubCa) : undefined;
  const clock = checkClock({ ...clockFacts, nowMs, hubMs, isCertificateOutOfDate: isOutOfDate(certificate) });
  const tls = certificate === undefined ? undefined : checkTls(certificate);
  if (tls !== undefined) found.push(tls);
  const mayTry = isOpen && tls?.level !== "fault";
  const login: LoginFacts = agent.isConnected
    ? { kind: "agent-connected" }
    : mayTry
      ? await probeLogin(hub, hubCa)
      : { kind: "not-tried" };
  return [clock, ...found, ...checkLogin(login, { offsetMs: hubMs === null ? null : nowMs - hubMs, synchronized })];
}

function isOutOfDate(certificate: TlsFacts | undefined): boolean {
  const fault = certificateFault(certificate?.code ?? "");
  return fault === "expired" || fault === "not-yet-valid";
}

/**
 * Asks the proxy of the environment for a tunnel to the hub's web port. `hop`: the proxy, where the link to the hub uses it.
 * MQTT over TCP uses none: there, a faulty proxy is a fault of downloads alone.
 */
async function diagnoseProxy(hub: HubAddress): Promise<{ finding?: Finding; hop?: FirstHop }> {
  const target = new URL(`https://${hub.host}:${hub.webSocketPort}`);
  try {
    const proxy = proxyForUrl(target);
    if (proxy === undefined) return {};
    const { url, variable } = proxy;
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const hop = { host, port: Number(url.port || (url.protocol === "https:" ? 443 : 80)), kind: "proxy" } as const;
    const finding = checkProxy({ name: proxyName(url), variable }, await probeProxy(target), hub.webSocket);
    return { finding, ...(hub.webSocket ? { hop } : {}) };
  } catch (cause) {
    if (!(cause instanceof AgentError)) throw cause;
    const finding = checkProxySetting(cause.message, hub.webSocket);
    return { finding };
  }
}

/**
 * Connects to the hub as the agent does, reads the twin and disconnects. The hub ends an older connection of the same identity, so
 * this is for boards whose agent is not connected.
 */
async function probeLogin(address: HubAddress, ca: string | undefined): Promise<LoginFacts> {
  const log = createLog("error", { write: () => undefined }); // The finding says what there is to say.
  const productInfo = `boardkeeper-agent/${packageJson.version} doctor`;
  const signal = AbortSignal.timeout(loginTimeoutMs);
  let connection;
  try {
    connection = await connectToAzure({ address, ca, productInfo, timer: systemTimer, log }, signal);
  } catch (cause) {
    const { kind: error, message } = classifyError(cause, "connect");
    return { kind: "failed", error, message };
  }
  try {
    const lost = connection.lost.then((cause) => Promise.reject(cause));
    await Promise.race([connection.readTwin(), lost]);
    return { kind: "connected" };
  } catch (cause) {
    const { kind: error, message } = classifyError(cause, "twin");
    return { kind: "no-twin", error, message };
  } finally {
    await connection.close();
  }
}
