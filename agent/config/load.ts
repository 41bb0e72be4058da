import { access, constants, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { isAbsent } from "../lib/errors.ts";
import { boardkeeperHome, deviceFileName } from "../lib/xdg.ts";
import { hubAddressFrom, type HubAddress } from "../hub/address.ts";
import { findIdentity, type Identity } from "./credentials.ts";
import { describeLastGood, lastGoodFrom, type LastGood } from "./last-known-good.ts";
import { stateNames } from "./paths.ts";
import { readSettings, type Settings, type Written } from "./settings.ts";
import type { Surroundings } from "./launch-options.ts";
import { mistakesIn } from "../maintenance/cron.ts";
import { firstLine, fromEnvironment, readFiles, simulationDefaults } from "./sources.ts";

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
  readonly mistakes: readonly string[];
  /** What to keep once the agent has reached its hub with it; undefined where it is what was kept. Holds a secret. */
  readonly toKeep: string | undefined;
}

/** What is written, with all that is wrong with it: for commands that are there to look at a board, not to run it. */
export interface ConfigLook {
  readonly settings: Settings;
  /** Undefined where no connection string is found, or none that can be read. */
  readonly hub: HubAddress | undefined;
  /** Where the connection string was found: a file, or a variable's name. */
  readonly identityPlace: string | undefined;
  readonly hubCa: string | undefined;
  readonly stateDir: string | undefined;
  /** Of the settings. */
  readonly problems: readonly string[];
  /** Of the connection string, and of finding it. */
  readonly identityProblems: readonly string[];
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
export async function loadConfig(around: Surroundings): Promise<Config> {
  const reading = await readConfig(around);
  const { settings, hub, hubCa, imageCa, stateDir, identity, written } = reading;
  const problems = [...reading.problems, ...reading.identityProblems];
  if (problems.length > 0 || hub === undefined || stateDir === undefined)
    return await fallBack(around, stateDir, problems);
  const toKeep = describeLastGood(around, {
    values: Object.assign({}, ...written.map(({ values }) => values)),
    hubCa: hubCa ?? null,
    imageCa: imageCa ?? null,
    connectionString:
      identity?.mayBeKept === true && settings["hub.keep-connection-string"] ? identity.connectionString : null,
    webSocketPort: identity?.webSocketPort ?? null,
  });
  return await complete(settings, { hub, hubCa, imageCa, stateDir, mistakes: [], toKeep });
}

/** Looks at the config as it is written, mistakes and all. Never throws for what is in it. */
export async function lookAtConfig(around: Surroundings): Promise<ConfigLook> {
  const { settings, hub, hubCa, stateDir, identity, problems, identityProblems } = await readConfig(around);
  const warnings = await missingFiles(settings);
  return { settings, hub, hubCa, stateDir, identityPlace: identity?.place, problems, identityProblems, warnings };
}

interface Reading extends Omit<ConfigLook, "identityPlace" | "warnings"> {
  readonly written: readonly Written[];
  readonly identity: Identity | undefined;
  readonly imageCa: string | undefined;
}

async function readConfig(around: Surroundings): Promise<Reading> {
  const problems: string[] = [];
  const inFiles = await readFiles(around, problems);
  const isWhole = problems.length === 0;
  const written = [...simulationDefaults(around), ...inFiles, ...fromEnvironment(around.env)];
  if (around.stateDir !== undefined)
    written.push({ place: "--state-dir", values: { "agent.state-dir": around.stateDir } });
  const { settings, problems: mistakes } = readSettings(written);
  problems.push(...mistakes, ...contradictions(settings, around), ...(await windowMistakes(settings)));

  const [identityProblems, lacking]: [string[], string[]] = [[], []];
  const identity = await findIdentity(around, settings, identityProblems, lacking);
  if (isWhole) identityProblems.push(...lacking); // Else the file that could not be read may be the one that names it.
  const hub = addressOf(identity, settings, identityProblems);
  const caFile = settings["hub.ca-file"] ?? identity?.caFile;
  const hubCa = await readCa("hub.ca-file", caFile, problems);
  const imageCa = await readCa("update.ca-file", settings["update.ca-file"] ?? caFile, problems);
  const stateDir = settings["agent.state-dir"] ?? defaultStateDir(around, hub);
  return { settings, written, identity, hub, hubCa, imageCa, stateDir, problems, identityProblems };
}

/** The last good config; where there is none, or it would not do either, the mistakes are final. */
async function fallBack(
  around: Surroundings,
  stateDir: string | undefined,
  mistakes: readonly string[],
): Promise<Config> {
  // A wrong argument is corrected by whoever types it, and says nothing of which folder is meant.
  const isMistyped = around.stateDir !== undefined && around.stateDir !== stateDir;
  if (stateDir === undefined || isMistyped) throw new ConfigError(mistakes);
  const path = join(stateDir, stateNames.lastGoodConfig);
  const kept = await readLastGood(path, around, mistakes);
  const { settings, problems: unread } = readSettings([{ place: path, values: kept.values }]);
  const problems = [...unread, ...contradictions(settings, around), ...(await windowMistakes(settings))];
  const hub = await findAddress(around, settings, kept, problems);
  if (problems.length > 0 || hub === undefined) throw new ConfigError([...new Set([...mistakes, ...problems])]);
  const [hubCa, imageCa] = [kept.hubCa ?? undefined, kept.imageCa ?? undefined];
  return await complete(settings, { hub, hubCa, imageCa, stateDir, mistakes, toKeep: undefined });
}

async function readLastGood(path: string, around: Surroundings, mistakes: readonly string[]): Promise<LastGood> {
  try {
    const kept = lastGoodFrom(await readFile(path, "utf8"), around);
    if (kept.ok) return kept.value;
    throw new ConfigError([...mistakes, ...kept.problems.map((one) => `${path}: ${one}`)]);
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new ConfigError(isAbsent(cause) ? mistakes : [...mistakes, `${path}: ${firstLine(cause)}`]);
  }
}

/** The connection string as it stands where it should, since keys are changed; else the one that was kept. */
async function findAddress(
  around: Surroundings,
  settings: Settings,
  kept: LastGood,
  problems: string[],
): Promise<HubAddress | undefined> {
  const found: string[] = [];
  const address = addressOf(await findIdentity(around, settings, found, found), settings, found);
  if (found.length === 0) return address;
  const { connectionString, webSocketPort } = kept;
  if (connectionString !== null) {
    const identity = { place: stateNames.lastGoodConfig, connectionString, webSocketPort: webSocketPort ?? undefined };
    return addressOf({ ...identity, mayBeKept: true }, settings, problems);
  }
  problems.push(...found);
  return undefined;
}

function addressOf(identity: Identity | undefined, settings: Settings, problems: string[]): HubAddress | undefined {
  if (identity === undefined) return undefined;
  const address = hubAddressFrom(identity.connectionString, {
    webSocket: settings["hub.transport"] === "mqtt-ws",
    webSocketPort: settings["hub.websocket-port"] ?? identity.webSocketPort,
  });
  if (address.ok) return address.value;
  problems.push(...address.problems.map((one) => `${identity.place}: ${one}`));
  return undefined;
}

type Found = Pick<Config, "hub" | "hubCa" | "imageCa" | "stateDir" | "mistakes" | "toKeep">;

async function complete(settings: Settings, found: Found): Promise<Config> {
  const stagingDir = settings["update.staging-dir"] ?? join(found.stateDir, "staging");
  return Object.freeze({ ...settings, ...found, stagingDir, warnings: await missingFiles(settings) });
}

function contradictions(settings: Settings, { simulate }: Surroundings): string[] {
  const problems: string[] = [];
  if (settings["update.installer"] === "simulated" && !simulate) {
    problems.push(
      'update.installer: "simulated" installs nothing on a real board; set "command" or "none", or start with --simulate',
    );
  }
  const isCommand = settings["update.installer"] === "command";
  const [program, asRoot] = [settings["update.command.program"], settings["update.command.as-root"]];
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
  const mistakes = await mistakesIn(settings["maintenance.windows"], Date.now());
  return mistakes.map((one) => `maintenance.windows: ${one}`);
}

/** What the command installer needs and is not there: found out now rather than after a long download. */
async function missingFiles(settings: Settings): Promise<string[]> {
  if (settings["update.installer"] !== "command") return [];
  const program = settings["update.command.program"];
  const problems: string[] = [];
  try {
    if (program !== null) await access(program, constants.X_OK);
  } catch (cause) {
    problems.push(`update.command.program: ${program} cannot be run by this user (${firstLine(cause)})`);
  }
  for (const mountPoint of settings["update.command.replaces"]) {
    try {
      await stat(mountPoint);
    } catch (cause) {
      problems.push(`update.command.replaces: ${mountPoint} cannot be looked at (${firstLine(cause)})`);
    }
  }
  return problems;
}

/** Undefined for a simulated board of which nobody knows which device it is. */
function defaultStateDir(around: Surroundings, address: HubAddress | undefined): string | undefined {
  const { env, simulate } = around;
  if (!simulate) return env["STATE_DIRECTORY"] || "/var/lib/boardkeeper"; // The former is systemd's StateDirectory=.
  const { deviceId, moduleId } = address ?? around;
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
