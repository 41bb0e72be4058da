import { access, constants, readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { parse as parseToml } from "smol-toml";
import * as v from "valibot";
import { check } from "./contract/check.ts";
import { redact } from "./contract/redact.ts";
import { fileNameOf } from "./file-names.ts";
import { boardkeeperHome } from "./home.ts";
import { hubAddressFrom, type HubAddress } from "./hub/address.ts";
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
 * Reads the config: file, drop-ins (`agent.toml.d/*.toml`, by name), environment, each overruling those before it.
 * @throws ConfigError with every problem found
 */
export async function loadConfig(around: Surroundings): Promise<Config> {
  const problems: string[] = [];
  const written = [
    ...simulationDefaults(around),
    ...(await readFiles(around, problems)),
    ...fromEnvironment(around.env),
  ];
  if (around.stateDir !== undefined)
    written.push({ place: "--state-dir", values: { "agent.state-dir": around.stateDir } });
  const { settings, problems: mistakes } = readSettings(written);
  problems.push(...mistakes, ...contradictions(settings, around));

  const identity = await findIdentity(around, settings, problems);
  const address =
    identity &&
    hubAddressFrom(identity.connectionString, {
      webSocket: settings["hub.transport"] === "mqtt-ws",
      webSocketPort: settings["hub.websocket-port"] ?? identity.webSocketPort,
    });
  if (address !== undefined && !address.ok)
    problems.push(...address.problems.map((one) => `${identity?.place}: ${one}`));
  const caFile = settings["hub.ca-file"] ?? identity?.caFile;
  const hubCa = await readCa("hub.ca-file", caFile, problems);
  const imageCa = await readCa("update.ca-file", settings["update.ca-file"] ?? caFile, problems);

  if (problems.length > 0 || address?.ok !== true) throw new ConfigError(problems);
  const stateDir = settings["agent.state-dir"] ?? defaultStateDir(around, address.value);
  const stagingDir = settings["update.staging-dir"] ?? join(stateDir, "staging");
  const warnings = await missingFiles(settings);
  return Object.freeze({ ...settings, hub: address.value, hubCa, imageCa, stateDir, stagingDir, warnings });
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
    try {
      written.push({ place: path, values: flatten(parseToml(await readFile(path, "utf8"))) });
    } catch (cause) {
      if (!(isAbsent(cause) && isOptional && path === first)) problems.push(`${path}: ${firstLine(cause)}`);
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
  if (settings["reboot.command"].length === 0)
    problems.push("reboot.command: expected a program to run, got an empty list");
  return problems;
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
  readonly webSocketPort?: number | undefined;
  readonly caFile?: string | undefined;
}

/** The connection string, from the first place that has one: environment, systemd credential, file, or a local hub's file. */
async function findIdentity(
  around: Surroundings,
  settings: Settings,
  problems: string[],
): Promise<Identity | undefined> {
  const { env, simulate } = around;
  const variable = env["IOTHUB_DEVICE_CONNECTION_STRING"];
  if (variable) return { place: "IOTHUB_DEVICE_CONNECTION_STRING", connectionString: variable };
  const credentials = env["CREDENTIALS_DIRECTORY"];
  const files = [
    { path: credentials && join(credentials, "connection-string"), required: false },
    { path: settings["hub.connection-string-file"], required: true },
  ];
  for (const { path, required } of files) {
    if (!path) continue;
    try {
      if (required) await refuseReadableByOthers(path, problems);
      return { place: path, connectionString: await readFile(path, "utf8") };
    } catch (cause) {
      if (!required && isAbsent(cause)) continue;
      problems.push(`${required ? "hub.connection-string-file" : "systemd credential"}: ${firstLine(cause)}`);
      return undefined;
    }
  }
  if (simulate) return await findDeviceFile(around, problems);
  problems.push(
    "connection string: there is none. Give it as the systemd credential connection-string, in a file named by hub.connection-string-file, or in IOTHUB_DEVICE_CONNECTION_STRING",
  );
  return undefined;
}

async function refuseReadableByOthers(path: string, problems: string[]): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0)
    problems.push(`hub.connection-string-file: ${path} can be read by others; run chmod 600 ${path}`);
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
    if (file.ok) return { place: path, ...file.value };
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

function defaultStateDir({ env, simulate }: Surroundings, { deviceId, moduleId }: HubAddress): string {
  if (!simulate) return env["STATE_DIRECTORY"] || "/var/lib/boardkeeper"; // The former is systemd's StateDirectory=.
  return join(boardkeeperHome(env), "boards", fileNameOf(deviceId, moduleId));
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
