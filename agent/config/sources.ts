import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { parse as parseToml } from "smol-toml";
import { errorMessage, isAbsent } from "../lib/errors.ts";
import { stateDirInBrokenToml } from "./last-known-good.ts";
import { flatten, settingNames, environmentVariable, type SettingSource } from "./parse-settings.ts";
import type { LaunchOptions } from "./launch-options.ts";

const systemConfig = "/etc/boardkeeper/agent.toml";

export function simulationDefaults({ simulate }: LaunchOptions): SettingSource[] {
  if (!simulate) return [];
  const values = {
    "update.installer": "simulated",
    "update.healthy-for-seconds": 1,
    "update.prove-within-seconds": 60,
  };
  return [{ source: "--simulate", values }];
}

export async function readConfigFiles(
  { configFile, simulate }: LaunchOptions,
  problems: string[],
): Promise<SettingSource[]> {
  const first = configFile ?? systemConfig;
  const folder = `${first}.d`;
  const isOptional = configFile === undefined;
  if (isOptional && simulate) return []; // A laptop's /etc says nothing about a simulated board.
  const dropIns = (await listFolder(folder, problems)).filter((name) => name.endsWith(".toml")).sort();
  const written: SettingSource[] = [];
  for (const path of [first, ...dropIns.map((name) => join(folder, name))]) {
    let toml = "";
    try {
      toml = await readFile(path, "utf8");
      written.push({ source: path, values: flatten(parseToml(toml)) });
    } catch (cause) {
      if (!(isAbsent(cause) && isOptional && path === first)) problems.push(`${path}: ${firstLine(cause)}`);
      const stateDir = stateDirInBrokenToml(toml);
      if (stateDir !== undefined) written.push({ source: path, values: { "agent.state-dir": stateDir } });
    }
  }
  return written;
}

/** The names in a folder; none where it is not there. A folder that cannot be read is a mistake, not an empty one. */
export async function listFolder(folder: string, problems: string[]): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    if (!isAbsent(cause)) problems.push(`${folder}: ${firstLine(cause)}`);
    return [];
  }
}

/** Variables of other programs of the family that share the prefix. */
const otherVariables = new Set(["BOARDKEEPER_HOME", "BOARDKEEPER_BOARD_FILE"]);

export function environmentSettings(env: LaunchOptions["env"]): SettingSource[] {
  const names = new Map(settingNames.map((name) => [environmentVariable(name), name]));
  return Object.entries(env)
    .filter(([variable]) => variable.startsWith("BOARDKEEPER_") && !otherVariables.has(variable))
    .map(([variable, value]) => ({ source: variable, values: { [names.get(variable) ?? variable]: value } }));
}

export function firstLine(cause: unknown): string {
  return errorMessage(cause).split("\n")[0] ?? "";
}
