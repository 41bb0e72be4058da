import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { parse as parseToml } from "smol-toml";
import { isAbsent } from "../lib/errors.ts";
import { describeFileError } from "../lib/file-errors.ts";
import { readRegularFile } from "../lib/regular-file.ts";
import { stateDirInBrokenToml } from "./last-known-good-format.ts";
import { flatten, settingNames, environmentVariable, type SettingSource } from "./parse-settings.ts";
import type { LaunchOptions } from "./launch-options.ts";

export const systemConfig = "/etc/boardkeeper/agent.toml";

/** Other defaults for a simulated board. */
export function simulationDefaults({ simulate }: LaunchOptions): SettingSource[] {
  if (!simulate) return [];
  const values = {
    "update.installer": "simulated",
    "update.healthy-for-seconds": 1,
    "update.prove-within-seconds": 60,
  };
  return [{ source: "--simulate", values }];
}

/** Reads the TOML file and its drop-ins, in the order in which they override each other. */
export async function readConfigFiles(
  { configFile, simulate }: LaunchOptions,
  problems: string[],
): Promise<SettingSource[]> {
  const first = configFile ?? systemConfig;
  const folder = `${first}.d`;
  const isOptional = configFile === undefined;
  if (isOptional && simulate) return []; // A simulated board does not use the /etc of the machine.
  const dropIns = (await listFolder(folder, problems)).filter((name) => name.endsWith(".toml")).sort();
  const sources: SettingSource[] = [];
  for (const path of [first, ...dropIns.map((name) => join(folder, name))]) {
    let toml = "";
    try {
      toml = await readRegularFile(path);
      sources.push({ source: path, values: flatten(parseToml(toml)) });
    } catch (cause) {
      if (!(isAbsent(cause) && isOptional && path === first))
        problems.push(`${path}: ${describeFileError(cause, "the file")}`);
      const stateDir = stateDirInBrokenToml(toml);
      if (stateDir !== undefined) sources.push({ source: path, values: { "agent.state-dir": stateDir } });
    }
  }
  return sources;
}

/** The names in a folder; none where it does not exist. A folder that cannot be read is a mistake. */
export async function listFolder(folder: string, problems: string[]): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    if (!isAbsent(cause)) problems.push(`${folder}: ${describeFileError(cause, "the folder")}`);
    return [];
  }
}

/** Variables with the same prefix that are no settings. */
const otherVariables = new Set(["BOARDKEEPER_HOME", "BOARDKEEPER_BOARD_FILE"]);

/** Each BOARDKEEPER_ variable as a source of its own; an unknown one is reported as a mistake. */
export function environmentSettings(env: LaunchOptions["env"]): SettingSource[] {
  const names = new Map(settingNames.map((name) => [environmentVariable(name), name]));
  return Object.entries(env)
    .filter(([variable]) => variable.startsWith("BOARDKEEPER_") && !otherVariables.has(variable))
    .map(([variable, value]) => ({ source: variable, values: { [names.get(variable) ?? variable]: value } }));
}
