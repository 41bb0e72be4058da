import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect } from "vitest";
import { ConfigError, loadConfig, type Config } from "../../agent/config/load.ts";
import type { LaunchOptions } from "../../agent/config/launch-options.ts";
import { environmentVariable, settingNames } from "../../agent/config/parse-settings.ts";
import { settings } from "../../agent/config/settings.ts";
import { bareLaunchOptions } from "../support/launch-options.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { checkProperties, counterexample } from "./counterexample.ts";
import { secret, secretText } from "./inputs.ts";

const names = settingNames;
const connectionString = "HostName=h;DeviceId=d1;SharedAccessKey=a2V5";

const scalar = fc.oneof(
  fc.integer().map(String),
  fc.double().map((value) => String(value).replace("NaN", "nan").replace("Infinity", "inf")),
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n }).map(String),
  fc.oneof(fc.string({ unit: "grapheme", maxLength: 100 }), secretText).map((text) => JSON.stringify(text)),
  fc.constantFrom(
    "true",
    "false",
    "07:32:00",
    "1979-05-27",
    "1979-05-27T07:32:00Z",
    "0x10",
    '"/x\\u0000y"',
    '"9999999999 TiB"',
    `"${"9".repeat(400)}"`,
  ),
);
const value = fc.oneof(
  { weight: 3, arbitrary: scalar },
  { weight: 1, arbitrary: fc.array(scalar, { maxLength: 3 }).map((all) => `[${all.join(", ")}]`) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom("x", "toString", "__proto__", '"a b"'), scalar)
      .map(([key, one]) => `{ ${key} = ${one} }`),
  },
);
const key = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...names) },
  { weight: 1, arbitrary: fc.constantFrom("__proto__", "constructor", "update.__proto__", "hub", "update.keep_free") },
  {
    weight: 1,
    arbitrary: fc.oneof(fc.string({ unit: "grapheme", maxLength: 20 }), secretText).map((text) => JSON.stringify(text)),
  },
);
const lines = fc
  .uniqueArray(fc.tuple(key, value), { maxLength: 6, selector: ([name]) => name })
  .map((all) => all.map(([name, written]) => `${name} = ${written}\n`).join(""));
/** What the environment of a process can hold: no NUL. */
const wordOf = fc
  .oneof(fc.string({ unit: "grapheme", maxLength: 60 }), secretText)
  .map((text) => text.replaceAll("\0", ""));

const launch: LaunchOptions = { ...bareLaunchOptions, env: { IOTHUB_DEVICE_CONNECTION_STRING: connectionString } };

/** A config that can be relied upon, or its mistakes: each says where it is, none repeats a secret. */
async function load(options: LaunchOptions): Promise<Config | readonly string[]> {
  try {
    const config = await loadConfig(options);
    expect(Object.keys(config)).toStrictEqual(expect.arrayContaining(Object.keys(settings)));
    for (const [name, setting] of Object.entries(config)) {
      if (typeof setting === "number")
        expect([name, Number.isSafeInteger(setting) && setting >= 0]).toStrictEqual([name, true]);
    }
    return config;
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    expect(cause.problems.length).toBeGreaterThan(0);
    for (const problem of cause.problems) expect(problem).toMatch(/^.+: ./s);
    expect(cause.message).not.toContain(secret);
    return cause.problems;
  }
}

function isRefused(loaded: Config | readonly string[]): loaded is readonly string[] {
  return Array.isArray(loaded);
}

/** The name as a problem shows it. */
const plain = (name: string): string => (name.startsWith('"') ? (JSON.parse(name) as string) : name);

checkProperties({
  "any settings in a file are a config, or mistakes": async (search) => {
    const configFile = join(await temporaryFolder(), "agent.toml");
    return await counterexample(
      fc.asyncProperty(lines, fc.boolean(), async (toml, simulate) => {
        await writeFile(configFile, toml);
        await load({ ...launch, configFile, simulate });
      }),
      search,
    );
  },

  "one setting is taken, or refused by its name; an unknown one is never passed over": async (search) => {
    const configFile = join(await temporaryFolder(), "agent.toml");
    return await counterexample(
      fc.asyncProperty(key, value, async (name, written) => {
        await writeFile(configFile, `${name} = ${written}\n`);
        const loaded = await load({ ...launch, configFile });
        if (!isRefused(loaded)) expect(names).toContain(name);
        else if (!plain(name).includes(secret) && !/^[^:]+: Invalid TOML/.test(loaded[0] ?? ""))
          expect(loaded.join("\n")).toContain(plain(name));
      }),
      search,
    );
  },

  "any bytes as a file are a config, or mistakes": async (search) => {
    const configFile = join(await temporaryFolder(), "agent.toml");
    const good = Buffer.from(`[update]\ninstaller = "none"\nmax-image-size = "1 GiB"\n# ${secret}\n`);
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.nat(good.length).map((length) => good.subarray(0, length)),
      fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, byte]) => Buffer.from(good).fill(byte, at, at + 1)),
      secretText.map((text) => Buffer.from(text)),
    );
    return await counterexample(
      fc.asyncProperty(bytes, async (content) => {
        await writeFile(configFile, content);
        await load({ ...launch, configFile });
      }),
      search,
    );
  },

  "any environment is a config, or mistakes": (search) =>
    counterexample(
      fc.asyncProperty(
        fc.dictionary(
          fc.constantFrom(...names.map(environmentVariable), "BOARDKEEPER_X", "BOARDKEEPER___PROTO__"),
          wordOf,
          {
            maxKeys: 4,
          },
        ),
        wordOf,
        async (variables, connection) => {
          const { BOARDKEEPER_HUB_CONNECTION_STRING_FILE: _file, ...env } = variables;
          const loaded = await load({
            ...launch,
            env: { ...env, IOTHUB_DEVICE_CONNECTION_STRING: connection || connectionString },
          });
          if ("BOARDKEEPER_X" in env) expect(isRefused(loaded) && loaded.join("\n")).toContain("BOARDKEEPER_X");
        },
      ),
      search,
    ),

  "any files of a local hub are a config, or mistakes": async (search) => {
    const home = await temporaryFolder();
    const folder = join(home, "hub", "devices");
    const name = fc.oneof(
      fc.constantFrom("d1", "%", "%zz", "a~b", "%2E", "__proto__"),
      fc.stringMatching(/^[\w%~.-]{1,20}$/),
    );
    const content = fc.oneof(
      fc.json(),
      fc
        .record({
          version: fc.constantFrom(1, 2),
          connectionString: secretText,
          webSocketPort: fc.oneof(fc.integer(), fc.string()),
          caFile: fc.constant("/dev/null"),
        })
        .map((file) => JSON.stringify(file)),
      fc.string(),
      secretText,
    );
    return await counterexample(
      fc.asyncProperty(
        fc.dictionary(name, content, { maxKeys: 2 }),
        fc.option(wordOf, { nil: undefined }),
        async (files, deviceId) => {
          await rm(folder, { recursive: true, force: true });
          await mkdir(folder, { recursive: true });
          for (const [file, text] of Object.entries(files)) await writeFile(join(folder, `${file}.json`), text);
          await load({ ...launch, env: { BOARDKEEPER_HOME: home }, simulate: true, deviceId });
        },
      ),
      search,
    );
  },
});
