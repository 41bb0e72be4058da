import packageJson from "../../../package.json" with { type: "json" };
import { lstat, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { simulatedClock, systemClock } from "../../board/hardware/clocks.ts";
import { fileURLToPath } from "node:url";
import { probePowerSupply } from "../../board/hardware/power-supply.ts";
import { AccessDenied, callMethod, type LocalApiReply } from "../../board/local-api/client.ts";
import { probeCodeCache } from "../../board/probes/code-cache.ts";
import type { FolderFacts } from "../../board/probes/facts.ts";
import { probeNode } from "../../board/probes/node.ts";
import { probeInstallHelper } from "../../board/probes/systemd.ts";
import { probeDisk } from "../../board/probes/storage.ts";
import { probeCanReboot, unitProperties } from "../../board/probes/systemd.ts";
import { currentUser, findUser, type User } from "../../board/probes/user.ts";
import {
  credentialPathUnit,
  installHelperProgram,
  installSocketUnit,
  rebootPathUnit,
  rebootRequestFolder,
  serviceUnit,
  stateFileNames,
  watchedCredentialFolders,
} from "../../config/paths.ts";
import { isJsonObject } from "../../contract/json.ts";
import { errorMessage } from "../../lib/errors.ts";
import type { Arguments } from "../arguments.ts";
import { inspectTargetConfig, type TargetConfig, type Terminal } from "../command-context.ts";
import { answerAccessQuestions, checkAccessAs } from "../doctor/access-check.ts";
import { inspectServiceCredential } from "../service-credential.ts";
import { checkCodeCache } from "../doctor/code-cache.ts";
import { checkCredentials, checkLastKnownGoodFile } from "../doctor/credentials.ts";
import { diagnoseHub } from "../doctor/diagnose-hub.ts";
import { formatFindings, isHealthy, type Finding } from "../doctor/finding.ts";
import { checkPowerSupply } from "../doctor/hardware.ts";
import { checkInstaller, type InstallHelperFacts } from "../doctor/installer.ts";
import { checkNodeRepairs } from "../doctor/node-repairs.ts";
import { checkRunningAgent, type OnDisk } from "../doctor/running-agent.ts";
import { checkTrust } from "../doctor/trust.ts";
import { trustAccess } from "../trust-access.ts";
import { inspectTrust } from "../inspect-trust.ts";
import { checkReboot, type RebootFacts } from "../doctor/reboot.ts";
import { checkConfiguration, checkService } from "../doctor/service.ts";
import {
  checkDisk,
  checkFolder,
  isBlockedBySandbox,
  sandboxProperties,
  stagingFolder,
  stateFolder,
  type UnitProperties,
} from "../doctor/storage.ts";

/** `boardkeeper-agent doctor`: checks everything that the agent needs; ends with 1 where it finds a fault. */
export async function doctor(args: Arguments, terminal: Terminal): Promise<number> {
  const answers = await answerAccessQuestions(terminal.env);
  if (answers !== undefined) {
    terminal.out(answers);
    return 0;
  }
  // Within the service, systemd has passed it on already.
  const isOutside = isServiceAgent(args) && terminal.env["CREDENTIALS_DIRECTORY"] === undefined;
  const config = await inspectTargetConfig(args, terminal, isOutside ? await inspectServiceCredential() : undefined);
  const unit = await unitProperties(serviceUnit, ["ActiveState", "UnitFileState", "User", ...sandboxProperties]);
  const user = await serviceUser(unit?.get("User"));
  let silence: string | null = null;
  const agent = await callMethod(config.stateDir, "getStatus").catch((cause: unknown) => {
    if (cause instanceof AccessDenied) throw cause; // With this user's rights everything would look broken.
    silence = errorMessage(cause); // An agent that does not answer is a finding.
    return undefined;
  });
  const hubFindings = await diagnoseHub(config, { isSimulated: args.simulate, isConnected: isConnected(agent) });
  const found = [
    checkService({
      answers: agent !== undefined,
      silence,
      active: unit?.get("ActiveState") ?? null,
      enabled: unit?.get("UnitFileState") ?? null,
    }),
    ...(agent === undefined
      ? []
      : checkRunningAgent(
          agent.payload,
          onDisk(config, hubFindings, await credentialWatch(args, config.connectionStringSource)),
        )),
    checkConfiguration(config.problems, config.warnings),
    checkCredentials({
      source: config.connectionStringSource,
      mode: config.isConnectionStringEncrypted ? null : await modeOf(config.connectionStringSource),
      isEncrypted: config.isConnectionStringEncrypted,
      problems: config.connectionStringProblems,
    }),
    ...(await diagnoseLastKnownGood(config.stateDir, user)),
    ...(await diagnoseAccess(args, config, user, isServiceAgent(args) ? unit : undefined, terminal)),
    ...(await diagnoseTrust(args, config)),
    await diagnoseNode(args),
    checkPowerSupply(await probePowerSupply()),
    ...diagnoseCodeCache(),
    ...hubFindings,
  ];
  if (args.json) terminal.out(`${JSON.stringify({ healthy: isHealthy(found), findings: found }, null, 2)}\n`);
  else terminal.out(formatFindings(found));
  return isHealthy(found) ? 0 : 1;
}

/** Whose images the board installs. Everybody may read that. */
async function diagnoseTrust({ simulate }: Arguments, { stateDir, settings }: TargetConfig): Promise<Finding[]> {
  const board = trustAccess(simulate ? stateDir : undefined);
  const isSynchronized = await board.clock.synchronized();
  return checkTrust({
    ...(await inspectTrust(board)),
    isSimulated: simulate,
    nowMs: isSynchronized ? board.clock.now().getTime() : null,
    repository: settings.repository,
    installer: settings.installer,
  });
}

async function diagnoseNode({ simulate }: Arguments): Promise<Finding> {
  const clock = simulate ? simulatedClock : systemClock();
  const [facts, synchronized] = [await probeNode(), await clock.synchronized()];
  return checkNodeRepairs({ ...facts, nowMs: clock.now().getTime(), synchronized });
}

/** Nothing where the sources run as they are, without a build. */
function diagnoseCodeCache(): Finding[] {
  const facts = probeCodeCache(dirname(fileURLToPath(import.meta.url)));
  return facts === undefined ? [] : [checkCodeCache(facts, process.execPath)];
}

/** The service's user, who has other rights than whoever types this with sudo. */
async function serviceUser(name: string | undefined): Promise<User> {
  const named = name === undefined || name === "" ? undefined : await findUser(name);
  return named ?? currentUser();
}

/** Whether the service's agent is meant: the unit's sandbox says nothing about an agent with arguments of its own. */
function isServiceAgent({ simulate, stateDir, configFile }: Arguments): boolean {
  return !simulate && stateDir === undefined && configFile === undefined;
}

function onDisk(config: TargetConfig, hubFindings: readonly Finding[], watch: string | null): OnDisk {
  const login = hubFindings.find(({ check }) => check === "login")?.level;
  return {
    ...config.fingerprints,
    connectionStringSource: config.connectionStringSource,
    credentialWatch: watch,
    version: packageJson.version,
    stateDir: config.stateDir,
    hasMistakes: config.problems.length > 0,
    acceptedByHub: login === "ok" ? true : login === "fault" ? false : null,
  };
}

/** ActiveState of the unit that restarts the agent for another connection string; null where none watches this source. */
async function credentialWatch({ simulate }: Arguments, source: string | undefined): Promise<string | null> {
  const isWatched = source !== undefined && watchedCredentialFolders.includes(dirname(source));
  return isWatched && !simulate ? await activeStateOf(credentialPathUnit) : null;
}

function isConnected(agent: LocalApiReply | undefined): boolean {
  const link = agent?.payload["link"];
  return isJsonObject(link) && link["up"] === true;
}

/** Checks the last known good configuration, where there is one. */
async function diagnoseLastKnownGood(stateDir: string, user: User): Promise<Finding[]> {
  const path = join(stateDir, stateFileNames.lastKnownGoodConfig);
  const file = await lstat(path).catch(() => undefined); // There is none before the agent first reached its hub.
  if (file === undefined) return [];
  const isFile = file.isFile() && file.nlink === 1;
  return [checkLastKnownGoodFile({ path, isFile, mode: file.mode, isOwn: file.uid === user.uid, user: user.name })];
}

async function modeOf(path: string | undefined): Promise<number | null> {
  if (path === undefined || !path.startsWith("/")) return null;
  // Only the service can read a credential that systemd passed on, whatever its mode says.
  if (dirname(path) === process.env["CREDENTIALS_DIRECTORY"]) return null;
  return await stat(path).then(
    ({ mode }) => mode,
    () => null,
  );
}

/** Checks what depends on the rights of the service's user: disk and folders, installer, reboot. */
async function diagnoseAccess(
  { simulate }: Arguments,
  { stateDir, settings }: TargetConfig,
  user: User,
  unit: UnitProperties | undefined,
  { env }: Terminal,
): Promise<Finding[]> {
  const installProgram = settings.commandProgram;
  const [rebootProgram] = settings.rebootCommand;
  const hasRebootHelper = await stat(rebootRequestFolder).then(
    () => true,
    () => false,
  );
  const ownFolders = [stateDir, ...(settings.stagingDir === null ? [] : [settings.stagingDir])];
  const { folders, programs } = await checkAccessAs(user, {
    user: user.name,
    searchPath: env["PATH"] ?? "",
    folders: [...ownFolders, ...(hasRebootHelper ? [rebootRequestFolder] : [])],
    programs: [installProgram, rebootProgram].filter((one) => typeof one === "string"),
  });
  const requestFolder = folders[ownFolders.length];
  const [installCode = null] = installProgram === null ? [] : programs;
  const rebootCode = rebootProgram === undefined ? null : (programs.at(-1) ?? null);
  return [
    ...(await diagnoseDisks(stateDir, settings)),
    ...folders.slice(0, ownFolders.length).map((folder, index) => {
      const isBlocked = unit !== undefined && isBlockedBySandbox(folder.path, unit);
      return checkFolder(folder, index === 0 ? stateFolder : stagingFolder, isBlocked);
    }),
    checkInstaller({
      kind: settings.installer,
      program: installProgram,
      code: installCode,
      user: user.name,
      helper: settings.commandAsRoot || settings.installer === "release" ? await probeHelper() : undefined,
    }),
    checkReboot(simulate ? { how: "simulated" } : await rebootFacts(rebootProgram, rebootCode, requestFolder, user)),
  ];
}

async function diagnoseDisks(stateDir: string, settings: TargetConfig["settings"]): Promise<Finding[]> {
  const stateDisk = await probeDisk(stateDir);
  const stagingDisk = await probeDisk(settings.stagingDir ?? stateDir);
  const isOne = stateDisk.dev === stagingDisk.dev;
  return [
    checkDisk(stateDisk, isOne ? settings.keepFreeBytes : 0),
    ...(isOne ? [] : [checkDisk(stagingDisk, settings.keepFreeBytes)]),
  ];
}

async function probeHelper(): Promise<InstallHelperFacts> {
  return {
    answer: await probeInstallHelper(installHelperProgram),
    socketState: await activeStateOf(installSocketUnit),
  };
}

async function activeStateOf(unit: string): Promise<string | null> {
  return (await unitProperties(unit, ["ActiveState"]))?.get("ActiveState") ?? null;
}

async function rebootFacts(
  program: string | undefined,
  code: string | null,
  requestFolder: FolderFacts | undefined,
  user: User,
): Promise<RebootFacts> {
  if (program === undefined) {
    return {
      how: "helper",
      requestFolder: rebootRequestFolder,
      code: requestFolder === undefined ? "ENOENT" : requestFolder.code,
      pathState: await activeStateOf(rebootPathUnit),
      user: user.name,
    };
  }
  if (basename(program) === "systemctl") return { how: "logind", answer: await probeCanReboot(user), user: user.name };
  return { how: "program", program, code, user: user.name };
}
