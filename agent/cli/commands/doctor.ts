import { lstat, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Arguments } from "../arguments.ts";
import { simulatedClock, systemClock } from "../../board/hardware/clocks.ts";
import { callMethod, AccessDenied, type LocalApiReply } from "../../board/local-api/client.ts";
import { probeHubDate, probeCertificate, probeDns, probePort } from "../../board/probes/network.ts";
import { probePowerSupply } from "../../board/hardware/power-supply.ts";
import { probeDisk } from "../../board/probes/storage.ts";
import { probeCanReboot, findTimeService, unitProperties, probeInstallHelper } from "../../board/probes/systemd.ts";
import { currentUser, findUser, type User } from "../../board/probes/user.ts";
import type { InspectedConfig } from "../../config/load.ts";
import { isJsonObject } from "../../contract/json.ts";
import { checkClock } from "../doctor/clock.ts";
import { checkConfiguration } from "../doctor/configuration.ts";
import { checkCredentials, checkLastKnownGoodFile } from "../doctor/credentials.ts";
import { isHealthy, type Finding } from "../doctor/finding.ts";
import { checkInstaller, type InstallHelperFacts } from "../doctor/installer.ts";
import { checkLogin } from "../doctor/login.ts";
import { checkDns, checkPorts, type FirstHop } from "../doctor/network.ts";
import { checkPower } from "../doctor/power.ts";
import { checkReboot, type RebootFacts } from "../doctor/reboot.ts";
import { checkService } from "../doctor/service.ts";
import {
  isBlockedBySandbox,
  checkDisk,
  checkFolder,
  sandboxProperties,
  stagingFolder,
  stateFolder,
  type FolderFacts,
  type UnitProperties,
} from "../doctor/storage.ts";
import { checkTls } from "../doctor/tls.ts";
import { formatFindings } from "../format/format-findings.ts";
import type { HubAddress } from "../../hub/address.ts";
import {
  rebootRequestFolder,
  installHelperProgram,
  installSocketUnit,
  rebootPathUnit,
  serviceUnit,
  stateFileNames,
} from "../../config/paths.ts";
import { proxyAgentFor } from "../../lib/proxy.ts";
import { inspectTargetConfig } from "./config.ts";
import { tryLogin } from "./login.ts";
import { answerAccessQuestions, checkAccessAs } from "../doctor/access-check.ts";
import type { Terminal } from "./terminal.ts";

type Look = InspectedConfig & { readonly stateDir: string };

/** `boardkeeper-agent doctor`: looks at everything that the agent needs; ends with 1 where it finds a fault. */
export async function doctor(given: Arguments, terminal: Terminal): Promise<number> {
  const answers = await answerAccessQuestions(terminal.env);
  if (answers !== undefined) {
    terminal.out(answers);
    return 0;
  }
  const look = await inspectTargetConfig(given, terminal);
  const unit = await unitProperties(serviceUnit, ["ActiveState", "UnitFileState", "User", ...sandboxProperties]);
  const user = await serviceUser(unit?.get("User"));
  const agent = await callMethod(look.stateDir, "getStatus").catch((cause: unknown) => {
    if (cause instanceof AccessDenied) throw cause; // With the rights of this user everything would look broken.
    return undefined; // It hangs: that it does not answer is a finding.
  });
  const found = [
    checkService({
      answers: agent !== undefined,
      active: unit?.get("ActiveState") ?? null,
      enabled: unit?.get("UnitFileState") ?? null,
    }),
    checkConfiguration(look.problems, look.warnings),
    checkCredentials({
      source: look.connectionStringSource,
      mode: await modeOf(look.connectionStringSource),
      problems: look.connectionStringProblems,
    }),
    ...(await lookAtKeptCopy(look.stateDir, user)),
    ...(await lookWithRights(given, look, user, isOfService(given) ? unit : undefined, terminal)),
    checkPower(await probePowerSupply()),
    ...(await lookAtHub(look, agent, given.simulate)),
  ];
  if (given.json) terminal.out(`${JSON.stringify({ healthy: isHealthy(found), findings: found }, null, 2)}\n`);
  else terminal.out(formatFindings(found));
  return isHealthy(found) ? 0 : 1;
}

/** The service's user has other rights than whoever types this with sudo. */
async function serviceUser(name: string | undefined): Promise<User> {
  const named = name === undefined || name === "" ? undefined : await findUser(name);
  return named ?? currentUser();
}

/** What the unit says counts where the same agent is looked at: one with other arguments is somebody's own. */
function isOfService({ simulate, stateDir, configFile }: Arguments): boolean {
  return !simulate && stateDir === undefined && configFile === undefined;
}

/** The last good configuration, where there is one. */
async function lookAtKeptCopy(stateDir: string, user: User): Promise<Finding[]> {
  const path = join(stateDir, stateFileNames.lastKnownGoodConfig);
  const found = await lstat(path).catch(() => undefined); // None is kept before the hub was reached.
  if (found === undefined) return [];
  const isFile = found.isFile() && found.nlink === 1;
  return [checkLastKnownGoodFile({ path, isFile, mode: found.mode, isOwn: found.uid === user.uid, user: user.name })];
}

async function modeOf(path: string | undefined): Promise<number | null> {
  if (path === undefined || !path.startsWith("/")) return null;
  // What systemd has passed on can be read by the service alone, whatever its mode says.
  if (dirname(path) === process.env["CREDENTIALS_DIRECTORY"]) return null;
  return await stat(path).then(
    ({ mode }) => mode,
    () => null,
  );
}

/** At what depends on whose rights it is looked with: disk and state folder, installer, reboot. */
async function lookWithRights(
  { simulate }: Arguments,
  { stateDir, settings }: Look,
  user: User,
  unit: UnitProperties | undefined,
  { env }: Terminal,
): Promise<Finding[]> {
  const installer = settings.commandProgram;
  const [reboot] = settings.rebootCommand;
  const hasDoor = await stat(rebootRequestFolder).then(
    () => true,
    () => false,
  );
  const staging = settings.stagingDir;
  const own = [stateDir, ...(staging === null ? [] : [staging])];
  const asked = { user: user.name, searchPath: env["PATH"] ?? "" };
  const { folders, programs } = await checkAccessAs(user, {
    ...asked,
    folders: [...own, ...(hasDoor ? [rebootRequestFolder] : [])],
    programs: [installer, reboot].filter((one) => typeof one === "string"),
  });
  const door = folders[own.length];
  const [ofInstaller = null] = installer === null ? [] : programs;
  const ofReboot = reboot === undefined ? null : (programs.at(-1) ?? null);
  return [
    ...(await lookAtDisks(stateDir, settings)),
    ...folders.slice(0, own.length).map((one, index) => {
      const isShut = unit !== undefined && isBlockedBySandbox(one.path, unit);
      return checkFolder(one, index === 0 ? stateFolder : stagingFolder, isShut);
    }),
    checkInstaller({
      kind: settings.installer,
      program: installer,
      code: ofInstaller,
      user: user.name,
      helper: settings.commandAsRoot ? await installDoorFacts() : undefined,
    }),
    checkReboot(simulate ? { how: "simulated" } : await rebootFacts(reboot, ofReboot, door, user)),
  ];
}

async function lookAtDisks(stateDir: string, settings: Look["settings"]): Promise<Finding[]> {
  const staging = settings.stagingDir ?? stateDir;
  const [ofState, ofStaging] = [await probeDisk(stateDir), await probeDisk(staging)];
  const keepFree = settings.keepFreeBytes;
  const isOne = ofState.dev === ofStaging.dev;
  return [checkDisk(ofState, isOne ? keepFree : 0), ...(isOne ? [] : [checkDisk(ofStaging, keepFree)])];
}

async function installDoorFacts(): Promise<InstallHelperFacts> {
  return { answer: await probeInstallHelper(installHelperProgram), socketState: await stateOf(installSocketUnit) };
}

async function stateOf(unit: string): Promise<string | null> {
  return (await unitProperties(unit, ["ActiveState"]))?.get("ActiveState") ?? null;
}

async function rebootFacts(
  program: string | undefined,
  code: string | null,
  door: FolderFacts | undefined,
  user: User,
): Promise<RebootFacts> {
  if (program === undefined) {
    const bell = await stateOf(rebootPathUnit);
    return {
      how: "door",
      folder: rebootRequestFolder,
      code: door === undefined ? "ENOENT" : door.code,
      bell,
      user: user.name,
    };
  }
  if (basename(program) === "systemctl") return { how: "logind", answer: await probeCanReboot(user), user: user.name };
  return { how: "program", program, code, user: user.name };
}

/** The way to the hub, one stop after the other: what cannot be reached is not asked further questions. */
async function lookAtHub(
  { hub, hubCa, settings }: Look,
  agent: LocalApiReply | undefined,
  simulate: boolean,
): Promise<Finding[]> {
  const synchronized = await (simulate ? simulatedClock : systemClock()).synchronized();
  const clockFacts = { nowMs: Date.now(), synchronized, source: await findTimeService() };
  if (hub === undefined)
    return [checkClock({ ...clockFacts, hubMs: null }), ...checkLogin({ kind: "not-tried" }, false)];
  const way = wayTo(hub);
  const dns = await probeDns(way);
  const findings = [checkDns(dns)];
  if (dns.addresses.length === 0)
    return [checkClock({ ...clockFacts, hubMs: null }), ...findings, ...checkLogin({ kind: "not-tried" }, false)];
  const otherPort = hub.webSocket ? hub.mqttPort : hub.webSocketPort;
  const [used, other] = await Promise.all([probePort(way.host, way.port), probePort(hub.host, otherPort)]);
  findings.push(...checkPorts(way, settings.hubTransport, used, other));
  const isDirect = way.kind === "hub";
  const hubMs = isDirect ? await probeHubDate(hub.host, hub.webSocketPort) : null;
  const clock = checkClock({ ...clockFacts, nowMs: Date.now(), hubMs });
  const isOpen = used.code === null;
  const tls = isOpen && isDirect ? checkTls(await probeCertificate(way.host, way.port, hubCa)) : undefined;
  if (tls !== undefined) findings.push(tls);
  const mayTry = isOpen && tls?.level !== "fault";
  const login = isConnected(agent)
    ? ({ kind: "agent-connected" } as const)
    : mayTry
      ? await tryLogin(hub, hubCa)
      : ({ kind: "not-tried" } as const);
  return [clock, ...findings, ...checkLogin(login, clock.level === "fault")];
}

function wayTo(hub: HubAddress): FirstHop {
  const port = hub.webSocket ? hub.webSocketPort : hub.mqttPort;
  const proxy = hub.webSocket ? proxyAgentFor(new URL(`https://${hub.host}:${port}`))?.proxy : undefined;
  if (proxy === undefined) return { host: hub.host, port, kind: "hub" };
  return { host: proxy.hostname, port: Number(proxy.port || (proxy.protocol === "https:" ? 443 : 80)), kind: "proxy" };
}

function isConnected(agent: LocalApiReply | undefined): boolean {
  const link = agent?.payload["link"];
  return isJsonObject(link) && link["up"] === true;
}
