import { chmod, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { saveLastKnownGood } from "../../../agent/board/fs/last-known-good-file.ts";
import { ConfigError, loadConfig, type Config } from "../../../agent/config/load.ts";
import type { LaunchOptions } from "../../../agent/config/launch-options.ts";
import { bareLaunchOptions } from "../../support/launch-options.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const connectionString = "HostName=h;DeviceId=d1;SharedAccessKey=c2VjcmV0";

/** A board with everything in files, as an operator edits them. */
class Board {
  readonly folder: string;
  readonly toml: string;
  readonly secret: string;
  readonly state: string;
  launch: LaunchOptions;

  constructor(folder: string) {
    this.folder = folder;
    this.toml = join(folder, "agent.toml");
    this.secret = join(folder, "connection-string");
    this.state = join(folder, "state");
    this.launch = { ...bareLaunchOptions, configFile: this.toml };
  }

  good(more = ""): string {
    const hub = `[hub]\nconnection-string-file = "${this.secret}"\n`;
    return `[agent]\nstate-dir = "${this.state}"\nlog-level = "warn"\n${hub}${more}`;
  }

  async start(): Promise<Config> {
    return await loadConfig(this.launch);
  }

  async refused(): Promise<readonly string[]> {
    const cause: unknown = await this.start().catch((thrown: unknown) => thrown);
    if (cause instanceof ConfigError) return cause.problems;
    throw new Error("The config was not refused.");
  }
}

/** A board whose config is good and was kept. */
async function board(more = ""): Promise<Board> {
  const made = new Board(await temporaryFolder());
  await writeFile(made.toml, made.good(more));
  await writeFile(made.secret, connectionString, { mode: 0o600 });
  await mkdir(made.state);
  await saveLastKnownGood(made.state, (await made.start()).lastKnownGoodText ?? "");
  return made;
}

describe("a config that was broken by an edit", () => {
  it.each<[string, (made: Board) => Promise<void>, RegExp]>([
    ["no TOML", (made) => writeFile(made.toml, `${made.good()}[hub\n`), /agent\.toml: Invalid TOML/],
    ["a wrong value", (made) => writeFile(made.toml, made.good('transport = "pigeon"')), /hub\.transport: expected/],
    ["an unknown setting", (made) => writeFile(made.toml, made.good("[x]\ny = 1")), /x\.y is not a setting/],
    [
      "a contradiction",
      (made) => writeFile(made.toml, made.good('[update]\ninstaller = "command"')),
      /update\.command\.program/,
    ],
    ["a certificate that is none", (made) => withCa(made, "nonsense"), /hub\.ca-file: .* is not a PEM/],
    [
      "a certificate that is gone",
      (made) => withCa(made, undefined),
      /hub\.ca-file: \S+\/ca\.pem does not exist \(ENOENT\)/,
    ],
    ["half a connection string", (made) => writeFile(made.secret, "HostName=h;De"), /DeviceId is missing/],
    ["no connection string", (made) => rm(made.secret), /hub\.connection-string-file: \S+ does not exist \(ENOENT\)/],
    ["a secret for all to read", (made) => chmod(made.secret, 0o644), /is readable by other users/],
  ])("gives way to the last good one: %s", async (_what, breakIt, mistake) => {
    const made = await board("[update]\nkeep-free = 5");
    await breakIt(made);
    const config = await made.start();
    expect(config.configProblems.join("\n")).toMatch(mistake);
    expect(config).toMatchObject({
      hub: { deviceId: "d1" },
      logLevel: "warn",
      keepFreeBytes: 5,
      stateDir: made.state,
      stagingDir: join(made.state, "staging"),
      lastKnownGoodText: undefined,
    });
    expect(config.hub.connectionString).toContain("c2VjcmV0");
    await writeFile(made.toml, made.good());
    await writeFile(made.secret, connectionString);
    await chmod(made.secret, 0o600);
    expect(await made.start()).toMatchObject({ configProblems: [], keepFreeBytes: 64 * 2 ** 20 });
  });

  it("goes on with a new key, if that is in order", async () => {
    const made = await board();
    await writeFile(made.toml, `${made.good()}[hub\n`);
    await writeFile(made.secret, connectionString.replace("c2VjcmV0", "bmV3"));
    expect((await made.start()).hub.connectionString).toContain("bmV3");
  });

  it("goes on with the key that was kept where systemd has none to pass on", async () => {
    const made = new Board(await temporaryFolder());
    const credential = join(made.folder, "connection-string");
    made.launch = { ...made.launch, env: { CREDENTIALS_DIRECTORY: made.folder } };
    await writeFile(made.toml, `[agent]\nstate-dir = "${made.state}"\n`);
    await writeFile(credential, connectionString);
    await mkdir(made.state);
    await saveLastKnownGood(made.state, (await made.start()).lastKnownGoodText ?? "");
    await writeFile(credential, "none");
    const config = await made.start();
    expect(config.hub.connectionString).toContain("c2VjcmV0");
    expect(config.configProblems).toStrictEqual([expect.stringContaining("connection string: there is none")]);
  });

  it("keeps the certificate that was good", async () => {
    const made = await board();
    const ca = join(made.folder, "ca.pem");
    await writeFile(ca, "-----BEGIN CERTIFICATE-----\n");
    await writeFile(made.toml, made.good(`ca-file = "${ca}"`));
    await saveLastKnownGood(made.state, (await made.start()).lastKnownGoodText ?? "");
    await writeFile(ca, "");
    expect((await made.start()).hubCa).toContain("BEGIN");
  });

  it.each<[string, (made: Board) => Promise<void>, RegExp]>([
    ["none was ever kept", (made) => rm(keptIn(made)), /pigeon|6 characters/],
    ["what was kept is damaged", (made) => writeFile(keptIn(made), "{"), /config\.last-good\.json: is not JSON/],
    [
      "what was kept cannot be read",
      (made) => rm(keptIn(made)).then(() => mkdir(keptIn(made))),
      /is a folder, not a file/,
    ],
    ["what was kept has mistakes for this release", (made) => replaceKept(made, "keep-free", "keep-fee"), /keep-fee/],
  ])("is refused when %s", async (_what, lose, problem) => {
    const made = await board("[update]\nkeep-free = 5");
    await writeFile(made.toml, made.good('transport = "pigeon"'));
    expect((await made.start()).configProblems).toHaveLength(1);
    await lose(made);
    expect((await made.refused()).join("\n")).toMatch(problem);
  });

  it("is refused where the state folder on the command line is the mistake", async () => {
    const made = await board();
    made.launch = { ...made.launch, stateDir: "state" };
    expect(await made.refused()).toStrictEqual([expect.stringContaining("--state-dir: agent.state-dir: expected")]);
  });

  it("without a connection string anywhere is refused where the copy was forbidden", async () => {
    const made = await board("keep-connection-string = false");
    expect(await readFile(keptIn(made), "utf8")).not.toContain("c2VjcmV0");
    await writeFile(made.toml, `${made.good()}[hub\n`);
    expect((await made.start()).configProblems).toHaveLength(1);
    await rm(made.secret);
    expect((await made.refused()).join()).toMatch(/hub\.connection-string-file: \S+ does not exist \(ENOENT\)/);
  });
});

describe("the copy", () => {
  it("is for its owner alone, and written only when it differs", async () => {
    const made = await board();
    const { ino, mode } = await stat(keptIn(made));
    expect(mode & 0o777).toBe(0o600);
    await saveLastKnownGood(made.state, (await made.start()).lastKnownGoodText ?? "");
    expect((await stat(keptIn(made))).ino).toBe(ino);
    await writeFile(made.toml, made.good("[update]\nkeep-free = 7"));
    await saveLastKnownGood(made.state, (await made.start()).lastKnownGoodText ?? "");
    expect(await readFile(keptIn(made), "utf8")).toContain('"update.keep-free": 7');
  });

  it("does not take a simulated board's key from its local hub: a device that is gone was taken away", async () => {
    const home = await temporaryFolder();
    const devices = join(home, "hub", "devices");
    await mkdir(devices, { recursive: true });
    await writeFile(join(home, "ca.pem"), "-----BEGIN CERTIFICATE-----\n");
    const file = { version: 1, connectionString, webSocketPort: 2, caFile: join(home, "ca.pem") };
    await writeFile(join(devices, "d1.json"), JSON.stringify(file));
    const made = new Board(home);
    made.launch = {
      ...made.launch,
      configFile: undefined,
      env: { BOARDKEEPER_HOME: home },
      simulate: true,
      deviceId: "d1",
    };
    const { stateDir, lastKnownGoodText = "" } = await made.start();
    await mkdir(stateDir, { recursive: true });
    await saveLastKnownGood(stateDir, lastKnownGoodText);
    made.launch = { ...made.launch, env: { ...made.launch.env, BOARDKEEPER_HUB_TRANSPORT: "pigeon" } };
    expect(await made.start()).toMatchObject({ stateDir, hubTransport: "mqtt", installer: "simulated" });
    await rm(join(devices, "d1.json"));
    expect((await made.refused()).join()).toContain("boardkeeper device add -d d1");
  });
});

function keptIn({ state }: Board): string {
  return join(state, "config.last-good.json");
}

async function withCa(made: Board, content: string | undefined): Promise<void> {
  const ca = join(made.folder, "ca.pem");
  if (content !== undefined) await writeFile(ca, content);
  await writeFile(made.toml, made.good(`ca-file = "${ca}"`));
}

async function replaceKept(made: Board, from: string, to: string): Promise<void> {
  await writeFile(keptIn(made), (await readFile(keptIn(made), "utf8")).replaceAll(from, to));
}
