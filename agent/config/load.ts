import { access, constants, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { isAbsent } from "../lib/errors.ts";
import { boardkeeperHome, deviceFileName } from "../lib/xdg.ts";
import { parseHubAddress, type HubAddress } from "../hub/address.ts";
import { findConnectionString, type Credentials } from "./credentials.ts";
import { serializeLastKnownGood, parseLastKnownGood, type LastKnownGood } from "./last-known-good.ts";
import { stateFileNames } from "./paths.ts";
import { parseSettings, type SettingSource } from "./parse-settings.ts";
import type { Settings } from "./settings.ts";
import type { LaunchOptions } from "./launch-options.ts";
import { validateWindows } from "../maintenance/cron.ts";
import { firstLine, environmentSettings, readConfigFiles, simulationDefaults } from "./sources.ts";

/** Everything the agent is told, checked whole before anything is done. */
export interface Config extends Settings {
  readonly hub: HubAddress;
  /** PEM for the hub's certificate and for image servers; undefined for what the system trusts. */
  readonly hubCa: string | undefined;
  readonly imageCa: string | undefined;
  readonly stateDir: string;
  readonly stagingDir: string;
  /** What the board lacks now and may have tomorrow: an agent that would not start for it could not go back either. */
  readonly warnings: readonly string[];
  /** What is wrong with what is written, so that the last good configuration was taken; none when this is what is written. */
  readonly configProblems: readonly string[];
  /** What to keep once the agent has reached its hub with it; undefined where it is what was kept. Holds a secret. */
  readonly lastKnownGoodText: string | undefined;
}

/** What is written, with all that is wrong with it: for commands that are there to look at a board, not to run it. */
export interface InspectedConfig {
  readonly settings: Settings;
  /** Undefined where no connection string is found, or none that can be read. */
  readonly hub: HubAddress | undefined;
  /** Where the connection string was found: a file, or a variable's name. */
  readonly connectionStringSource: string | undefined;
  readonly hubCa: string | undefined;
  readonly stateDir: string | undefined;
  /** Of the settings. */
  readonly problems: readonly string[];
  /** Of the connection string, and of finding it. */
  readonly connectionStringProblems: readonly string[];
  readonly warnings: readonly string[];
}

/** The config is wrong: every mistake at once, one sentence each. The process ends with 78 (EX_CONFIG). */
export class ConfigError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/**
 * Reads the config: file, drop-ins (`agent.toml.d/*.toml`, by name), environment, each overruling those before it. Where it
 * has mistakes, the last good one in the state folder, whole.
 * @throws ConfigError with every problem found, where there is no last good one either
 */
export async function loadConfig(launch: LaunchOptions): Promise<Config> {
  const reading = await readConfig(launch);
  const { settings, hub, hubCa, imageCa, stateDir, credentials, written } = reading;
  const problems = [...reading.problems, ...reading.connectionStringProblems];
  if (problems.length > 0 || hub === undefined || stateDir === undefined)
    return await fallBackToLastKnownGood(launch, stateDir, problems);
  const lastKnownGoodText = serializeLastKnownGood(launch, {
    values: Object.assign({}, ...written.map(({ values }) => values)),
    hubCa: hubCa ?? null,
    imageCa: imageCa ?? null,
    connectionString:
      credentials?.mayBeCopied === true && settings.keepConnectionString ? credentials.connectionString : null,
    webSocketPort: credentials?.webSocketPort ?? null,
  });
  return await complete(settings, { hub, hubCa, imageCa, stateDir, configProblems: [], lastKnownGoodText });
}

/** Looks at the config as it is written, mistakes and all. Never throws for what is in it. */
export async function inspectConfig(launch: LaunchOptions): Promise<InspectedConfig> {
  const { settings, hub, hubCa, stateDir, credentials, problems, connectionStringProblems } = await readConfig(launch);
  const warnings = await missingFiles(settings);
  return {
    settings,
    hub,
    hubCa,
    stateDir,
    connectionStringSource: credentials?.source,
    problems,
    connectionStringProblems,
    warnings,
  };
}

interface Reading extends Omit<InspectedConfig, "connectionStringSource" | "warnings"> {
  readonly written: readonly SettingSource[];
  readonly credentials: Credentials | undefined;
  readonly imageCa: string | undefined;
}

async function readConfig(launch: LaunchOptions): Promise<Reading> {
  const problems: string[] = [];
  const inFiles = await readConfigFiles(launch, problems);
  const isWhole = problems.length === 0;
  const written = [...simulationDefaults(launch), ...inFiles, ...environmentSettings(launch.env)];
  if (launch.stateDir !== undefined)
    written.push({ source: "--state-dir", values: { "agent.state-dir": launch.stateDir } });
  const { settings, problems: mistakes } = parseSettings(written);
  problems.push(...mistakes, ...contradictions(settings, launch), ...(await windowMistakes(settings)));

  const [connectionStringProblems, lacking]: [string[], string[]] = [[], []];
  const credentials = await findConnectionString(launch, settings, connectionStringProblems, lacking);
  if (isWhole) connectionStringProblems.push(...lacking); // Else the file that could not be read may be the one that names it.
  const hub = addressOf(credentials, settings, connectionStringProblems);
  const caFile = settings.hubCaFile ?? credentials?.caFile;
  const hubCa = await readCa("hub.ca-file", caFile, problems);
  const imageCa = await readCa("update.ca-file", settings.imageCaFile ?? caFile, problems);
  const stateDir = settings.stateDir ?? defaultStateDir(launch, hub);
  return { settings, written, credentials, hub, hubCa, imageCa, stateDir, problems, connectionStringProblems };
}

/** The last good config; where there is none, or it would not do either, the mistakes are final. */
async function fallBackToLastKnownGood(
  launch: LaunchOptions,
  stateDir: string | undefined,
  mistakes: readonly string[],
): Promise<Config> {
  // A wrong argument is corrected by whoever types it, and says nothing of which folder is meant.
  const isMistyped = launch.stateDir !== undefined && launch.stateDir !== stateDir;
  if (stateDir === undefined || isMistyped) throw new ConfigError(mistakes);
  const path = join(stateDir, stateFileNames.lastKnownGoodConfig);
  const kept = await readLastKnownGood(path, launch, mistakes);
  const { settings, problems: unread } = parseSettings([{ source: path, values: kept.values }]);
  const problems = [...unread, ...contradictions(settings, launch), ...(await windowMistakes(settings))];
  const hub = await findAddress(launch, settings, kept, problems);
  if (problems.length > 0 || hub === undefined) throw new ConfigError([...new Set([...mistakes, ...problems])]);
  const [hubCa, imageCa] = [kept.hubCa ?? undefined, kept.imageCa ?? undefined];
  return await complete(settings, {
    hub,
    hubCa,
    imageCa,
    stateDir,
    configProblems: mistakes,
    lastKnownGoodText: undefined,
  });
}

async function readLastKnownGood(
  path: string,
  launch: LaunchOptions,
  mistakes: readonly string[],
): Promise<LastKnownGood> {
  try {
    const kept = parseLastKnownGood(await readFile(path, "utf8"), launch);
    if (kept.ok) return kept.value;
    throw new ConfigError([...mistakes, ...kept.problems.map((one) => `${path}: ${one}`)]);
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new ConfigError(isAbsent(cause) ? mistakes : [...mistakes, `${path}: ${firstLine(cause)}`]);
  }
}

/** The connection string as it stands where it should, since keys are changed; else the one that was kept. */
async function findAddress(
  launch: LaunchOptions,
  settings: Settings,
  kept: LastKnownGood,
  problems: string[],
): Promise<HubAddress | undefined> {
  const found: string[] = [];
  const address = addressOf(await findConnectionString(launch, settings, found, found), settings, found);
  if (found.length === 0) return address;
  const { connectionString, webSocketPort } = kept;
  if (connectionString !== null) {
    const credentials = {
      source: stateFileNames.lastKnownGoodConfig,
      connectionString,
      webSocketPort: webSocketPort ?? undefined,
    };
    return addressOf({ ...credentials, mayBeCopied: true }, settings, problems);
  }
  problems.push(...found);
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

type Found = Pick<Config, "hub" | "hubCa" | "imageCa" | "stateDir" | "configProblems" | "lastKnownGoodText">;

async function complete(settings: Settings, found: Found): Promise<Config> {
  const stagingDir = settings.stagingDir ?? join(found.stateDir, "staging");
  return Object.freeze({ ...settings, ...found, stagingDir, warnings: await missingFiles(settings) });
}

function contradictions(settings: Settings, { simulate }: LaunchOptions): string[] {
  const problems: string[] = [];
  if (settings.installer === "simulated" && !simulate) {
    problems.push(
      'update.installer: "simulated" installs nothing on a real board; set "command" or "none", or start with --simulate',
    );
  }
  const isCommand = settings.installer === "command";
  const [program, asRoot] = [settings.commandProgram, settings.commandAsRoot];
  if (isCommand && program === null && !asRoot) {
    problems.push('update.command.program: is missing; update.installer = "command" needs a program to run');
  }
  if (isCommand && program !== null && asRoot) {
    problems.push(
      "update.command.program: is not what root would run; take it out, and name the program in /etc/boardkeeper/installer (docs/installers.md), or set update.command.as-root = false",
    );
  }
  return problems;
}

async function windowMistakes(settings: Settings): Promise<string[]> {
  const mistakes = await validateWindows(settings.maintenanceWindows, Date.now());
  return mistakes.map((one) => `maintenance.windows: ${one}`);
}

/** What the command installer needs and is not there: found out now rather than after a long download. */
async function missingFiles(settings: Settings): Promise<string[]> {
  if (settings.installer !== "command") return [];
  const program = settings.commandProgram;
  const problems: string[] = [];
  try {
    if (program !== null) await access(program, constants.X_OK);
  } catch (cause) {
    problems.push(`update.command.program: ${program} cannot be run by this user (${firstLine(cause)})`);
  }
  for (const mountPoint of settings.commandReplaces) {
    try {
      await stat(mountPoint);
    } catch (cause) {
      problems.push(`update.command.replaces: ${mountPoint} cannot be looked at (${firstLine(cause)})`);
    }
  }
  return problems;
}

/** Undefined for a simulated board of which nobody knows which device it is. */
function defaultStateDir(launch: LaunchOptions, address: HubAddress | undefined): string | undefined {
  const { env, simulate } = launch;
  if (!simulate) return env["STATE_DIRECTORY"] || "/var/lib/boardkeeper"; // The former is systemd's StateDirectory=.
  const { deviceId, moduleId } = address ?? launch;
  return deviceId === undefined ? undefined : join(boardkeeperHome(env), "boards", deviceFileName(deviceId, moduleId));
}

async function readCa(name: string, path: string | null | undefined, problems: string[]): Promise<string | undefined> {
  if (!path) return undefined;
  try {
    const pem = await readFile(path, "utf8");
    if (!pem.includes("-----BEGIN CERTIFICATE-----")) problems.push(`${name}: ${path} is not a PEM certificate`);
    return pem;
  } catch (cause) {
    problems.push(`${name}: ${firstLine(cause)}`);
    return undefined;
  }
}
