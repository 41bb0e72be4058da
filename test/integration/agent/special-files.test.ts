import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ConfigError, loadConfig } from "../../../agent/config/load.ts";
import type { LaunchOptions } from "../../../agent/config/launch-options.ts";
import { bareLaunchOptions } from "../../support/launch-options.ts";
import { specialFiles } from "../../support/special-files.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const env = { IOTHUB_DEVICE_CONNECTION_STRING: "HostName=h;DeviceId=d1;SharedAccessKey=c2VjcmV0" };

interface Place {
  /** Where something else than a file lies. */
  readonly path: string;
  readonly launch: LaunchOptions;
}

/** The files of a configuration, each with what reads it. */
const places: [string, (folder: string) => Promise<Place>][] = [
  [
    "the configuration",
    async (folder) => {
      const path = join(folder, "agent.toml");
      return { path, launch: { ...bareLaunchOptions, env, configFile: path } };
    },
  ],
  [
    "a drop-in",
    async (folder) => {
      const configFile = join(folder, "agent.toml");
      await writeFile(configFile, "");
      await mkdir(`${configFile}.d`);
      return { path: join(`${configFile}.d`, "10-own.toml"), launch: { ...bareLaunchOptions, env, configFile } };
    },
  ],
  [
    "the hub's authorities",
    async (folder) => {
      const [configFile, path] = [join(folder, "agent.toml"), join(folder, "ca.pem")];
      await writeFile(configFile, `[hub]\nca-file = "${path}"`);
      return { path, launch: { ...bareLaunchOptions, env, configFile } };
    },
  ],
  [
    "systemd's credential",
    async (folder) => {
      const launch = { ...bareLaunchOptions, env: { CREDENTIALS_DIRECTORY: folder } };
      return { path: join(folder, "connection-string"), launch };
    },
  ],
  [
    "the connection string's file",
    async (folder) => {
      const [configFile, path] = [join(folder, "agent.toml"), join(folder, "key")];
      await writeFile(configFile, `[hub]\nconnection-string-file = "${path}"`);
      return { path, launch: { ...bareLaunchOptions, env: {}, configFile } };
    },
  ],
];

const cases = places.flatMap(([place, at]) => specialFiles.map(([what, make]) => [what, place, at, make] as const));

it.each(cases)("%s in place of %s is a mistake that is named at once", async (what, _place, at, make) => {
  const { path, launch } = await at(await temporaryFolder());
  await make(path);
  const mistakes: unknown = await loadConfig(launch).catch((cause: unknown) => cause);
  if (!(mistakes instanceof ConfigError)) throw new Error("The configuration was taken.");
  expect(mistakes.problems.join("\n")).toContain(`${path} is ${what}, not a file`);
});
