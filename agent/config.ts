import { access, constants, readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { parse as parseToml } from "smol-toml";
import * as v from "valibot";
import { check } from "./contract/check.ts";
import { redact } from "./contract/redact.ts";
import { fileNameOf } from "./file-names.ts";
import { boardkeeperHome } from "./home.ts";
import { hubAddressFrom, type HubAddress } from "./hub/address.ts";
import { describeLastGood, lastGoodFrom, lastGoodName, stateDirIn, type LastGood } from "./last-good.ts";
import { credentialFile } from "./places.ts";
import { mistakesIn } from "./windows/cron.ts";
import { flatten, readSettings, settings as known, variableOf, type Settings, type Written } from "./settings.ts";

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

/** Where the config comes from: what a process is given. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly configFile: string | undefined;
  readonly simulate: boolean;
  /** Which of several device files a simulated board takes. */
  readonly deviceId: string | undefined;
  readonly moduleId: string | undefined;
  readonly stateDir: string | undefined;
  /** Where `boardkeeper-agent provision` leaves the connection string; the usual place unless told. */
  readonly credentialFile?: string;
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

const systemConfig = "/etc/boardkeeper/agent.toml";

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

interface Reading {
  readonly settings: Settings;
  readonly written: readonly Written[];
  readonly identity: Identity | undefined;
  readonly hub: HubAddress | undefined;
  readonly hubCa: string | undefined;
  readonly imageCa: string | undefined;
  readonly stateDir: string | undefined;
  readonly problems: readonly string[];
  readonly identityProblems: readonly string[];
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
  const path = join(stateDir, lastGoodName);
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
    const identity = { place: lastGoodName, connectionString, webSocketPort: webSocketPort ?? undefined };
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

function simulationDefaults({ simulate }: Surroundings): Written[] {
  if (!simulate) return [];
  const values = {
    "update.installer": "simulated",
    "update.healthy-for-seconds": 1,
    "update.prove-within-seconds": 60,
  };
  return [{ place: "--simulate", values }];
}

async function readFiles({ configFile, simulate }: Surroundings, problems: string[]): Promise<Written[]> {
  const first = configFile ?? systemConfig;
  const folder = `${first}.d`;
  const isOptional = configFile === undefined;
  if (isOptional && simulate) return []; // A laptop's /etc says nothing about a simulated board.
  const dropIns = (await namesIn(folder, problems)).filter((name) => name.endsWith(".toml")).sort();
  const written: Written[] = [];
  for (const path of [first, ...dropIns.map((name) => join(folder, name))]) {
    let toml = "";
    try {
      toml = await readFile(path, "utf8");
      written.push({ place: path, values: flatten(parseToml(toml)) });
    } catch (cause) {
      if (!(isAbsent(cause) && isOptional && path === first)) problems.push(`${path}: ${firstLine(cause)}`);
      const stateDir = stateDirIn(toml);
      if (stateDir !== undefined) written.push({ place: path, values: { "agent.state-dir": stateDir } });
    }
  }
  return written;
}

/** The names in a folder; none where it is not there. A folder that cannot be read is a mistake, not an empty one. */
async function namesIn(folder: string, problems: string[]): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    if (!isAbsent(cause)) problems.push(`${folder}: ${firstLine(cause)}`);
    return [];
  }
}

/** Variables of other programs of the family that share the prefix. */
const otherVariables = new Set(["BOARDKEEPER_HOME", "BOARDKEEPER_BOARD_FILE"]);

function fromEnvironment(env: Surroundings["env"]): Written[] {
  const names = new Map(Object.keys(known).map((name) => [variableOf(name), name]));
  return Object.entries(env)
    .filter(([variable]) => variable.startsWith("BOARDKEEPER_") && !otherVariables.has(variable))
    .map(([variable, value]) => ({ place: variable, values: { [names.get(variable) ?? variable]: value } }));
}

function contradictions(settings: Settings, { simulate }: Surroundings): string[] {
  const problems: string[] = [];
  if (settings["update.installer"] === "simulated" && !simulate) {
    problems.push(
      'update.installer: "simulated" installs nothing on a real board; set "command" or "none", or start with --simulate',
    );
  }
  if (settings["update.installer"] === "command" && settings["update.command.program"] === null) {
    problems.push('update.command.program: is missing; update.installer = "command" needs a program to run');
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

interface Identity {
  readonly place: string;
  readonly connectionString: string;
  /** False for a local hub's file: a device that is not there any more was taken away, and not by a slip of the hand. */
  readonly mayBeKept: boolean;
  readonly webSocketPort?: number | undefined;
  readonly caFile?: string | undefined;
}

/** What the unit has systemd pass on where the file with the connection string is missing (SetCredential=). */
const noCredential = "none";

/**
 * The connection string, from the first place that has one: environment, systemd credential, file, where provision leaves it,
 * or a local hub's file.
 * @param lacking what to say when no place has one
 */
async function findIdentity(
  around: Surroundings,
  settings: Settings,
  problems: string[],
  lacking: string[],
): Promise<Identity | undefined> {
  const { env, simulate } = around;
  const variable = env["IOTHUB_DEVICE_CONNECTION_STRING"];
  if (variable) return { place: "IOTHUB_DEVICE_CONNECTION_STRING", connectionString: variable, mayBeKept: true };
  const credentials = env["CREDENTIALS_DIRECTORY"];
  let rootHasNone = false;
  const files = [
    { path: credentials && join(credentials, "connection-string"), name: "systemd credential", guarded: false },
    { path: settings["hub.connection-string-file"], name: "hub.connection-string-file", guarded: true },
    // Where systemd takes the credential from. A laptop's says nothing about a simulated board.
    {
      path: simulate ? null : (around.credentialFile ?? credentialFile),
      name: "provisioned credential",
      guarded: true,
    },
  ];
  for (const { path, name, guarded } of files) {
    // systemd has looked there already, as root; this user would only be told that it may not look.
    if (!path || (rootHasNone && name === "provisioned credential")) continue;
    try {
      if (guarded) await refuseReadableByOthers(name, path, problems);
      const connectionString = await readFile(path, "utf8");
      if (name === "systemd credential" && connectionString.trim() === noCredential) rootHasNone = true;
      else return { place: path, connectionString, mayBeKept: true };
    } catch (cause) {
      if (name !== "hub.connection-string-file" && isAbsent(cause)) continue;
      problems.push(`${name}: ${firstLine(cause)}`);
      return undefined;
    }
  }
  if (simulate) return await findDeviceFile(around, lacking);
  lacking.push(
    "connection string: there is none. Give it with boardkeeper-agent provision, as the systemd credential connection-string, in a file named by hub.connection-string-file, or in IOTHUB_DEVICE_CONNECTION_STRING",
  );
  return undefined;
}

async function refuseReadableByOthers(name: string, path: string, problems: string[]): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0) problems.push(`${name}: ${path} can be read by others; run chmod 600 ${path}`);
}

const deviceFile = v.object({
  version: v.literal(1),
  connectionString: v.string(),
  webSocketPort: v.number(),
  caFile: v.string(),
});

/** The file that a local hub wrote for a device: simulated boards find it by themselves. */
async function findDeviceFile(
  { env, deviceId, moduleId }: Surroundings,
  problems: string[],
): Promise<Identity | undefined> {
  const folder = join(boardkeeperHome(env), "hub", "devices");
  const names = (await namesIn(folder, problems)).filter((name) => name.endsWith(".json"));
  const devices = names
    .filter((name) => !name.includes("~"))
    .flatMap((name) => idIn(name.slice(0, -".json".length)) ?? []);
  const [only] = devices;
  const id = deviceId ?? (devices.length === 1 ? only : undefined);
  if (id === undefined) {
    problems.push(
      devices.length === 0
        ? `device: there is none in ${folder}. Start a hub with "boardkeeper hub start", then add one with "boardkeeper device add"`
        : `device: there are several (${devices.join(", ")}); choose one with --device-id`,
    );
    return undefined;
  }
  const path = join(folder, `${fileNameOf(id, moduleId)}.json`);
  try {
    const file = check(deviceFile, JSON.parse(await readFile(path, "utf8")));
    if (file.ok) return { place: path, ...file.value, mayBeKept: false };
    problems.push(...file.problems.map((one) => `${path}: ${one}`));
  } catch (cause) {
    const why = isAbsent(cause) ? `there is none in ${folder}` : firstLine(cause);
    const named = redact(id);
    problems.push(`device ${named}: ${redact(why)}. Add it with "boardkeeper device add -d ${named}"`);
  }
  return undefined;
}

/** The device that a file is named after; undefined for a file that no local hub has written. */
function idIn(fileName: string): string | undefined {
  try {
    return decodeURIComponent(fileName);
  } catch {
    return undefined;
  }
}

/** Undefined for a simulated board of which nobody knows which device it is. */
function defaultStateDir(around: Surroundings, address: HubAddress | undefined): string | undefined {
  const { env, simulate } = around;
  if (!simulate) return env["STATE_DIRECTORY"] || "/var/lib/boardkeeper"; // The former is systemd's StateDirectory=.
  const { deviceId, moduleId } = address ?? around;
  return deviceId === undefined ? undefined : join(boardkeeperHome(env), "boards", fileNameOf(deviceId, moduleId));
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

function isAbsent(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "ENOENT";
}

function firstLine(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split("\n")[0] ?? "";
}
