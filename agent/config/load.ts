import { access, constants, stat } from "node:fs/promises";
import { join } from "node:path";
import { isAbsent } from "../lib/errors.ts";
import { describeFileError } from "../lib/file-errors.ts";
import { readRegularFile } from "../lib/regular-file.ts";
import { boardkeeperHome, deviceFileName } from "../lib/xdg.ts";
import { parseHubAddress, type HubAddress } from "../hub/address.ts";
import { readCa } from "./ca-file.ts";
import { findConnectionString, type Credentials } from "./credentials.ts";
import { serializeLastKnownGood, parseLastKnownGood, type LastKnownGood } from "./last-known-good-format.ts";
import { stateFileNames } from "./paths.ts";
import { fingerprintConfig, fingerprintConnectionString, type ConfigFingerprints } from "./fingerprint.ts";
import { parseSettings, type SettingSource } from "./parse-settings.ts";
import type { Settings } from "./settings.ts";
import type { LaunchOptions } from "./launch-options.ts";
import { validateWindows } from "../maintenance/cron.ts";
import { environmentSettings, readConfigFiles, simulationDefaults, systemConfig } from "./sources.ts";

/** The agent's complete configuration, checked before the agent does anything. */
export interface Config extends Settings {
  readonly hub: HubAddress;
  /** PEM of the CA for the hub, and for image servers; undefined: the CAs that the system trusts. */
  readonly hubCa: string | undefined;
  readonly imageCa: string | undefined;
  /** The files that they were read from. */
  readonly hubCaPath: string | undefined;
  readonly imageCaPath: string | undefined;
  readonly stateDir: string;
  readonly stagingDir: string;
  /** Programs and folders that are missing now. No reason not to start: an agent that does not start cannot roll back. */
  readonly warnings: readonly string[];
  /** Mistakes in the written configuration, for which the last known good one is used; empty where the written one is. */
  readonly configProblems: readonly string[];
  /** What to store as last known good once the agent has reached its hub; undefined where it came from there. Holds a secret. */
  readonly lastKnownGoodText: string | undefined;
  readonly fingerprints: ConfigFingerprints;
}

/** The written configuration with all its mistakes, for commands that inspect a board and do not run it. */
export interface InspectedConfig {
  readonly settings: Settings;
  /** Undefined where no valid connection string was found. */
  readonly hub: HubAddress | undefined;
  /** Where the connection string was found: a path, or a variable's name. */
  readonly connectionStringSource: string | undefined;
  /** Whether it lies there encrypted. */
  readonly isConnectionStringEncrypted: boolean;
  readonly hubCa: string | undefined;
  readonly stateDir: string | undefined;
  /** Mistakes in the settings. */
  readonly problems: readonly string[];
  /** Mistakes in the connection string, and errors in finding it. */
  readonly connectionStringProblems: readonly string[];
  readonly warnings: readonly string[];
  readonly fingerprints: ConfigFingerprints;
}

/** The configuration cannot be used. Lists every mistake, one sentence each. The process ends with 78 (EX_CONFIG). */
export class ConfigError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/**
 * Reads the configuration: file, drop-ins (`agent.toml.d/*.toml`, by name), environment, command line; a later source overrides
 * an earlier one. Where it has mistakes, the whole last known good configuration in the state folder is used instead.
 * @throws ConfigError with every mistake, where there is no last known good configuration either
 */
export async function loadConfig(launch: LaunchOptions): Promise<Config> {
  const written = await readConfig(launch);
  const { settings, hub, hubCa, imageCa, stateDir, credentials, sources } = written;
  const problems = [...written.problems, ...written.connectionStringProblems];
  if (problems.length > 0 || hub === undefined || stateDir === undefined)
    return await fallBackToLastKnownGood(launch, written, problems);
  const lastKnownGoodText = serializeLastKnownGood(launch, {
    values: Object.assign({}, ...sources.map(({ values }) => values)),
    hubCa: hubCa ?? null,
    imageCa: imageCa ?? null,
    connectionString:
      credentials?.mayBeCopied === true && settings.keepConnectionString ? credentials.connectionString : null,
    webSocketPort: credentials?.webSocketPort ?? null,
  });
  const { fingerprints, hubCaPath, imageCaPath } = written;
  const files = { hubCa, imageCa, hubCaPath, imageCaPath };
  return await complete(settings, { hub, ...files, stateDir, configProblems: [], lastKnownGoodText, fingerprints });
}

/** Reads the written configuration, mistakes included. Does not throw for mistakes. */
export async function inspectConfig(launch: LaunchOptions): Promise<InspectedConfig> {
  const written = await readConfig(launch);
  const { settings, hub, hubCa, stateDir, credentials, problems, connectionStringProblems, fingerprints } = written;
  const warnings = await missingFiles(settings);
  return {
    settings,
    hub,
    hubCa,
    stateDir,
    connectionStringSource: credentials?.source,
    isConnectionStringEncrypted: credentials?.isEncrypted === true,
    problems,
    connectionStringProblems,
    warnings,
    fingerprints,
  };
}

interface WrittenConfig extends Omit<
  InspectedConfig,
  "connectionStringSource" | "isConnectionStringEncrypted" | "warnings"
> {
  readonly sources: readonly SettingSource[];
  readonly credentials: Credentials | undefined;
  readonly imageCa: string | undefined;
  readonly hubCaPath: string | undefined;
  readonly imageCaPath: string | undefined;
}

async function readConfig(launch: LaunchOptions): Promise<WrittenConfig> {
  const problems: string[] = [];
  const files = await readConfigFiles(launch, problems);
  const allFilesRead = problems.length === 0;
  const sources = [...simulationDefaults(launch), ...files, ...environmentSettings(launch.env)];
  if (launch.stateDir !== undefined)
    sources.push({ source: "--state-dir", values: { "agent.state-dir": launch.stateDir } });
  const { settings, problems: mistakes } = parseSettings(sources);
  problems.push(...mistakes, ...contradictions(settings, launch), ...(await windowMistakes(settings)));

  const [connectionStringProblems, notFound]: [string[], string[]] = [[], []];
  const credentials = await findConnectionString(launch, settings, connectionStringProblems, notFound);
  // An unreadable file may be the one that names the connection string's file.
  if (allFilesRead) connectionStringProblems.push(...notFound);
  const hub = addressOf(credentials, settings, connectionStringProblems);
  const caFile = settings.hubCaFile ?? credentials?.caFile;
  const hubCa = await readCa("hub.ca-file", caFile, problems);
  const imageCaFile = settings.imageCaFile ?? caFile;
  const imageCa = await readCa("update.ca-file", imageCaFile, problems);
  const caPaths = { hubCaPath: caFile ?? undefined, imageCaPath: imageCaFile ?? undefined };
  const stateDir = settings.stateDir ?? defaultStateDir(launch, hub);
  const fingerprints = fingerprintConfig(hub?.connectionString, launch.configFile ?? systemConfig, files);
  const found = { settings, sources, credentials, hub, hubCa, imageCa, ...caPaths, stateDir, fingerprints };
  return { ...found, problems, connectionStringProblems };
}

/**
 * The last known good configuration.
 * @throws ConfigError where there is none, or it cannot be used either
 */
async function fallBackToLastKnownGood(
  launch: LaunchOptions,
  { stateDir, fingerprints }: Pick<WrittenConfig, "stateDir" | "fingerprints">,
  mistakes: readonly string[],
): Promise<Config> {
  // A wrong --state-dir does not say which folder is meant; whoever typed it can correct it.
  const isMistyped = launch.stateDir !== undefined && launch.stateDir !== stateDir;
  if (stateDir === undefined || isMistyped) throw new ConfigError(mistakes);
  const path = join(stateDir, stateFileNames.lastKnownGoodConfig);
  const stored = await readLastKnownGood(path, launch, mistakes);
  const { settings, problems: unreadable } = parseSettings([{ source: path, values: stored.values }]);
  const problems = [...unreadable, ...contradictions(settings, launch), ...(await windowMistakes(settings))];
  const hub = await findAddress(launch, settings, stored, problems);
  if (problems.length > 0 || hub === undefined) throw new ConfigError([...new Set([...mistakes, ...problems])]);
  const [hubCa, imageCa] = [stored.hubCa ?? undefined, stored.imageCa ?? undefined];
  return await complete(settings, {
    hub,
    hubCa,
    imageCa,
    hubCaPath: settings.hubCaFile ?? undefined,
    imageCaPath: settings.imageCaFile ?? settings.hubCaFile ?? undefined,
    stateDir,
    configProblems: mistakes,
    lastKnownGoodText: undefined,
    fingerprints: { ...fingerprints, ...fingerprintConnectionString(hub.connectionString) },
  });
}

async function readLastKnownGood(
  path: string,
  launch: LaunchOptions,
  mistakes: readonly string[],
): Promise<LastKnownGood> {
  try {
    const stored = parseLastKnownGood(await readRegularFile(path), launch);
    if (stored.ok) return stored.value;
    throw new ConfigError([...mistakes, ...stored.problems.map((one) => `${path}: ${one}`)]);
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new ConfigError(
      isAbsent(cause) ? mistakes : [...mistakes, `${path}: ${describeFileError(cause, "the file")}`],
    );
  }
}

/** The connection string from its own place, because keys change; where that one cannot be used, the stored copy. */
async function findAddress(
  launch: LaunchOptions,
  settings: Settings,
  stored: LastKnownGood,
  problems: string[],
): Promise<HubAddress | undefined> {
  const own: string[] = [];
  const address = addressOf(await findConnectionString(launch, settings, own, own), settings, own);
  if (own.length === 0) return address;
  const { connectionString, webSocketPort } = stored;
  if (connectionString !== null) {
    const credentials = {
      source: stateFileNames.lastKnownGoodConfig,
      connectionString,
      webSocketPort: webSocketPort ?? undefined,
    };
    return addressOf({ ...credentials, mayBeCopied: true }, settings, problems);
  }
  problems.push(...own);
  return undefined;
}

function addressOf(
  credentials: Credentials | undefined,
  settings: Settings,
  problems: string[],
): HubAddress | undefined {
  if (credentials === undefined) return undefined;
  const address = parseHubAddress(credentials.connectionString, {
    webSocket: settings.hubTransport === "mqtt-ws",
    webSocketPort: settings.webSocketPort ?? credentials.webSocketPort,
  });
  if (address.ok) return address.value;
  problems.push(...address.problems.map((one) => `${credentials.source}: ${one}`));
  return undefined;
}

type Resolved = Omit<Config, Exclude<keyof Settings, "stateDir"> | "warnings">;

async function complete(settings: Settings, resolved: Resolved): Promise<Config> {
  const stagingDir = settings.stagingDir ?? join(resolved.stateDir, "staging");
  return Object.freeze({ ...settings, ...resolved, stagingDir, warnings: await missingFiles(settings) });
}

function contradictions(settings: Settings, { simulate }: LaunchOptions): string[] {
  const problems: string[] = [];
  if (settings.installer === "simulated" && !simulate) {
    problems.push(
      'update.installer: "simulated" installs nothing on a real board; set "release", "command" or "none", or start with --simulate',
    );
  }
  if (settings.repository?.startsWith("http:") === true && !settings.allowHttp)
    problems.push("update.repository: http addresses are not allowed; use https, or set update.allow-http = true");
  const isCommand = settings.installer === "command";
  const [program, asRoot] = [settings.commandProgram, settings.commandAsRoot];
  if (isCommand && program === null && !asRoot) {
    problems.push('update.command.program: is not set; update.installer = "command" needs a program to run');
  }
  if (isCommand && program !== null && asRoot) {
    problems.push(
      "update.command.program: must not be set with update.command.as-root = true; remove it and name the program in /etc/boardkeeper/installer (docs/installers.md), or set update.command.as-root = false",
    );
  }
  return problems;
}

async function windowMistakes(settings: Settings): Promise<string[]> {
  const mistakes = await validateWindows(settings.maintenanceWindows, Date.now());
  return mistakes.map((one) => `maintenance.windows: ${one}`);
}

/** What the command installer needs but does not find: checked now rather than after a long download. */
async function missingFiles(settings: Settings): Promise<string[]> {
  if (settings.installer !== "command") return [];
  const program = settings.commandProgram;
  const problems: string[] = [];
  try {
    if (program !== null) await access(program, constants.X_OK);
  } catch (cause) {
    problems.push(`update.command.program: ${program} cannot be run by this user: ${describeFileError(cause, "it")}`);
  }
  for (const mountPoint of settings.commandReplaces) {
    try {
      await stat(mountPoint);
    } catch (cause) {
      problems.push(`update.command.replaces: ${mountPoint} cannot be read: ${describeFileError(cause, "it")}`);
    }
  }
  return problems;
}

/** Undefined for a simulated board whose device is not known. */
function defaultStateDir(launch: LaunchOptions, address: HubAddress | undefined): string | undefined {
  const { env, simulate } = launch;
  if (!simulate) return env["STATE_DIRECTORY"] || "/var/lib/boardkeeper"; // systemd sets the variable: StateDirectory=.
  const { deviceId, moduleId } = address ?? launch;
  return deviceId === undefined ? undefined : join(boardkeeperHome(env), "boards", deviceFileName(deviceId, moduleId));
}
