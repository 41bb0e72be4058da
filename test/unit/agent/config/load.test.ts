import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ConfigError, inspectConfig, loadConfig } from "../../../../agent/config/load.ts";
import type { LaunchOptions } from "../../../../agent/config/launch-options.ts";
import { bareLaunchOptions } from "../../../support/launch-options.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const connectionString = "HostName=h;DeviceId=d1;SharedAccessKey=c2VjcmV0";
const launch: LaunchOptions = { ...bareLaunchOptions, env: { IOTHUB_DEVICE_CONNECTION_STRING: connectionString } };

async function withFile(toml: string, changes: Partial<LaunchOptions> = {}): Promise<LaunchOptions> {
  const configFile = join(await temporaryFolder(), "agent.toml");
  await writeFile(configFile, toml);
  return { ...launch, configFile, ...changes };
}

async function problemsOf(options: LaunchOptions): Promise<readonly string[]> {
  const loaded: unknown = await loadConfig(options).catch((cause: unknown) => cause);
  return loaded instanceof ConfigError ? loaded.problems : [];
}

describe("where a setting comes from", () => {
  it("is its default where nothing says otherwise", async () => {
    const config = await loadConfig(launch);
    expect(config).toMatchObject({
      installer: "none",
      simulationPauseMs: 15_000,
      stateDir: "/var/lib/boardkeeper",
    });
    expect(config.stagingDir).toBe("/var/lib/boardkeeper/staging");
    expect(Object.isFrozen(config)).toBe(true);
  });

  it("is the file, then the drop-ins by name, then the environment, then the argument", async () => {
    const options = await withFile(
      '[agent]\nstate-dir = "/file"\nlog-level = "warn"\n[update]\nmax-image-size = "1 GiB"\n[report]\nprogress-seconds = 9',
    );
    const folder = `${options.configFile}.d`;
    await mkdir(folder);
    await writeFile(join(folder, "20-late.toml"), '[agent]\nstate-dir = "/late"\nlog-level = "error"');
    await writeFile(join(folder, "10-early.toml"), '[agent]\nstate-dir = "/early"\n[update]\nmax-image-size = 5');
    await writeFile(join(folder, "not-toml.txt"), "nonsense");
    const env = { ...options.env, BOARDKEEPER_AGENT_LOG_LEVEL: "debug", BOARDKEEPER_HOME: "/elsewhere" };
    expect(await loadConfig({ ...options, env })).toMatchObject({
      stateDir: "/late",
      logLevel: "debug",
      maxImageBytes: 5,
      progressReportLeastMs: 9_000,
    });
    expect(await loadConfig({ ...options, env, stateDir: "/argument" })).toMatchObject({ stateDir: "/argument" });
  });

  it("takes the state folder from systemd where nothing else names one", async () => {
    const env = { ...launch.env, STATE_DIRECTORY: "/var/lib/other" };
    expect((await loadConfig({ ...launch, env })).stateDir).toBe("/var/lib/other");
  });

  it("has other defaults on a simulated board", async () => {
    const env = { ...launch.env, BOARDKEEPER_HOME: "/home/me/bk" };
    expect(await loadConfig({ ...launch, env, simulate: true })).toMatchObject({
      installer: "simulated",
      stateDir: "/home/me/bk/boards/d1",
    });
  });

  it("keeps a board whose id is a dot or two in the folder of the boards", async () => {
    const env = {
      IOTHUB_DEVICE_CONNECTION_STRING: "HostName=h;DeviceId=..;SharedAccessKey=a",
      BOARDKEEPER_HOME: "/bk",
    };
    expect((await loadConfig({ ...launch, env, simulate: true })).stateDir).toBe("/bk/boards/%2E%2E");
  });
});

describe("mistakes", () => {
  it("are all listed at once, each with its source", async () => {
    const options = await withFile(
      '[hub]\ntransport = "amqp"\nwebsocket-port = 0\n[update]\ninstaller = "command"\nmax-image-size = "big"\n[oops]\nx = 1\n[agent]\nstate_dir = "/x"',
      { env: { BOARDKEEPER_SIMULATION_PAUSE_SECONDS: "-1", BOARDKEEPER_NONSENSE: "1" } },
    );
    const file = options.configFile;
    expect(await problemsOf(options)).toStrictEqual([
      `${file}: hub.transport: expected one of "mqtt", "mqtt-ws", got a text of 4 characters`,
      `${file}: hub.websocket-port: expected a whole number from 1 to 65535, got another value`,
      `${file}: update.max-image-size: expected a size such as 1048576 or "512 MiB", got "big"`,
      `${file}: oops.x is not a setting`,
      `${file}: agent.state_dir is not a setting (did you mean agent.state-dir?)`,
      'BOARDKEEPER_SIMULATION_PAUSE_SECONDS: simulation.pause-seconds: expected a number of seconds from 0 to 3600, got "-1"',
      "environment: BOARDKEEPER_NONSENSE is not a setting",
      'update.command.program: is not set; update.installer = "command" needs a program to run',
      expect.stringContaining("connection string: there is none."),
    ]);
  });

  it("never repeat what may be a secret", async () => {
    const env = {
      IOTHUB_DEVICE_CONNECTION_STRING: connectionString,
      BOARDKEEPER_HUB_CONNECTION_STRING_FILE: connectionString,
      BOARDKEEPER_HUB_CA_FILE: "a-password",
      BOARDKEEPER_AGENT_STATE_DIR: connectionString,
      BOARDKEEPER_UPDATE_STAGING_DIR: "x?sig=c2VjcmV0",
    };
    const came = `got a text of ${connectionString.length} characters: this looks like a connection string; the setting wants`;
    const problems = await problemsOf({ ...launch, env });
    expect(problems).toStrictEqual([
      expect.stringContaining(`${came} the path of a file that holds it`),
      expect.stringMatching(/^BOARDKEEPER_HUB_CA_FILE: .*, got a text of 10 characters$/),
      expect.stringContaining(`${came} something else`),
      expect.stringContaining("got a text of 14 characters that looks like a secret"),
    ]);
    expect(problems.join()).not.toMatch(/c2VjcmV0|a-password/);
  });

  it("names a simulated installer on a real board, before anything is downloaded for it", async () => {
    const options = await withFile('[update]\ninstaller = "simulated"');
    expect(await problemsOf(options)).toStrictEqual([
      expect.stringContaining('"simulated" installs nothing on a real board'),
    ]);
    expect(await problemsOf({ ...options, simulate: true })).toStrictEqual([]);
  });

  it("warn of an installer that cannot be run, and of mount points that are none, and start all the same", async () => {
    const command = (program: string, replaces: string): Promise<LaunchOptions> =>
      withFile(`[update]\ninstaller = "command"\ncommand.program = "${program}"\ncommand.replaces = ["${replaces}"]`);
    expect((await loadConfig(await command("/nowhere/installer", "/nowhere"))).warnings).toStrictEqual([
      expect.stringMatching(
        /update\.command\.program: \/nowhere\/installer cannot be run by this user: it does not exist \(ENOENT\)/,
      ),
      expect.stringMatching(/update\.command\.replaces: \/nowhere cannot be read: it does not exist \(ENOENT\)/),
    ]);
    expect(await problemsOf(await command("installer", "boot"))).toStrictEqual([
      expect.stringContaining("update.command.program: expected an absolute path"),
      expect.stringContaining(
        'update.command.replaces: expected a list of absolute paths, such as ["/"], got ["boot"]',
      ),
      expect.stringContaining("update.command.program: is not set"),
    ]);
    expect(await problemsOf(await command(process.execPath, "/"))).toStrictEqual([]);
  });

  it("refuse a program beside as-root, which runs the one in /etc/boardkeeper/installer", async () => {
    const command = (rest: string): Promise<LaunchOptions> =>
      withFile(`[update]\ninstaller = "command"\ncommand.as-root = true\n${rest}`);
    expect(await problemsOf(await command(""))).toStrictEqual([]);
    expect(await problemsOf(await command('command.program = "/opt/installer"'))).toStrictEqual([
      expect.stringMatching(/^update\.command\.program: must not be set with .*\/etc\/boardkeeper\/installer/),
    ]);
  });

  it("of drop-ins that cannot be listed are reported", async () => {
    const options = await withFile("");
    await writeFile(`${options.configFile}.d`, "no folder");
    expect(await problemsOf(options)).toStrictEqual([
      expect.stringMatching(/agent\.toml\.d: the folder, or .* is a file where a folder should be \(ENOTDIR\)/),
    ]);
  });

  it("of TOML itself are reported with the file", async () => {
    const options = await withFile("[hub\n");
    expect((await problemsOf(options)).join()).toContain(options.configFile);
  });

  it("of a missing file are reported if it was named, and not for the usual one", async () => {
    expect(await problemsOf({ ...launch, configFile: "/nowhere/agent.toml" })).toHaveLength(1);
  });
});

describe("the connection string", () => {
  it("comes from a systemd credential", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "connection-string"), `${connectionString}\n`);
    const config = await loadConfig({ ...launch, env: { CREDENTIALS_DIRECTORY: folder } });
    expect(config.hub).toMatchObject({ hostName: "h", deviceId: "d1" });
  });

  it("comes from elsewhere when systemd passes on none, but not from the file that only root may read", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "connection-string"), "none");
    const path = join(folder, "cs");
    await writeFile(path, connectionString, { mode: 0o600 });
    const env = { CREDENTIALS_DIRECTORY: folder, BOARDKEEPER_HUB_CONNECTION_STRING_FILE: path };
    expect((await loadConfig({ ...launch, env })).hub.deviceId).toBe("d1");
    const alone = { ...launch, env: { CREDENTIALS_DIRECTORY: folder }, credentialFile: path };
    expect(await problemsOf(alone)).toStrictEqual([expect.stringContaining("connection string: there is none")]);
  });

  it("is what the service would get, for a command that examines the service from outside", async () => {
    const folder = await temporaryFolder();
    const stale = join(folder, "stale");
    await writeFile(stale, connectionString.replace("d1", "stale"), { mode: 0o600 });
    const ofFile = join(folder, "of-a-setting");
    await writeFile(ofFile, connectionString.replace("d1", "of-a-setting"), { mode: 0o600 });
    const outside = { ...bareLaunchOptions, credentialFile: stale };
    const inspect = async (
      serviceCredential: LaunchOptions["serviceCredential"],
      env: LaunchOptions["env"] = {},
    ): Promise<unknown> => {
      const found = await inspectConfig({ ...outside, env, serviceCredential });
      return [found.hub?.deviceId, found.isConnectionStringEncrypted, found.connectionStringProblems];
    };
    const stored = { source: "/encrypted", connectionString, isEncrypted: true };
    expect(await inspect({ stored })).toStrictEqual(["d1", true, []]);
    const nothing = [expect.stringContaining("connection string: there is none")];
    expect(await inspect({})).toStrictEqual([undefined, false, nothing]);
    expect(await inspect({ stored: { ...stored, connectionString: "none\n" } })).toStrictEqual([
      undefined,
      false,
      nothing,
    ]);
    expect(await inspect({ problem: "/c cannot be decrypted: no key" })).toStrictEqual([
      undefined,
      false,
      ["/c cannot be decrypted: no key"],
    ]);
    const env = { BOARDKEEPER_HUB_CONNECTION_STRING_FILE: ofFile };
    expect(await inspect({}, env)).toStrictEqual(["of-a-setting", false, []]);
    expect(await inspect({ stored }, env)).toStrictEqual(["d1", true, []]);
    // Without a service, what provision stored counts.
    expect(await inspect(undefined)).toStrictEqual(["stale", false, []]);
  });

  it("is not looked for elsewhere when the systemd credential cannot be read", async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, "connection-string"));
    const path = join(folder, "cs");
    await writeFile(path, connectionString, { mode: 0o600 });
    const env = { CREDENTIALS_DIRECTORY: folder, BOARDKEEPER_HUB_CONNECTION_STRING_FILE: path };
    expect(await problemsOf({ ...launch, env })).toStrictEqual([
      `systemd credential: ${join(folder, "connection-string")} is a folder, not a file`,
    ]);
    // Without it, the next place counts.
    expect(
      (await loadConfig({ ...launch, env: { ...env, CREDENTIALS_DIRECTORY: join(folder, "none") } })).hub.deviceId,
    ).toBe("d1");
  });

  it("comes from a file that nobody else can read", async () => {
    const path = join(await temporaryFolder(), "cs");
    await writeFile(path, connectionString);
    const env = { BOARDKEEPER_HUB_CONNECTION_STRING_FILE: path };
    await chmod(path, 0o644);
    expect(await problemsOf({ ...launch, env })).toStrictEqual([
      `hub.connection-string-file: ${path} is readable by other users; run chmod 600 ${path}`,
    ]);
    await chmod(path, 0o600);
    expect((await loadConfig({ ...launch, env })).hub.deviceId).toBe("d1");
  });

  it("is never repeated in a message", async () => {
    const env = { IOTHUB_DEVICE_CONNECTION_STRING: "HostName=h;SharedAccessKey=topsecret" };
    const problems = await problemsOf({ ...launch, env });
    expect(problems.join()).toContain("DeviceId is missing");
    expect(problems.join()).not.toContain("topsecret");
  });

  it("comes from the local hub's file for the only device, on a simulated board", async () => {
    const home = await temporaryFolder();
    const devices = join(home, "hub", "devices");
    await mkdir(devices, { recursive: true });
    const caFile = join(home, "ca.pem");
    await writeFile(caFile, "-----BEGIN CERTIFICATE-----\n");
    const file = (id: string): string =>
      JSON.stringify({
        version: 1,
        deviceId: id,
        connectionString: `HostName=localhost:1;DeviceId=${id};SharedAccessKey=a`,
        webSocketPort: 2,
        caFile,
      });
    const simulated = { ...launch, env: { BOARDKEEPER_HOME: home }, simulate: true };
    expect((await problemsOf(simulated)).join()).toContain("boardkeeper device add");
    await writeFile(join(devices, "pole%2F1.json"), file("pole/1"));
    await writeFile(join(devices, "pole%2F1~m.json"), file("pole/1"));
    expect(await loadConfig(simulated)).toMatchObject({
      hub: { deviceId: "pole/1", webSocketPort: 2 },
      hubCa: "-----BEGIN CERTIFICATE-----\n",
    });
    await writeFile(join(devices, "two.json"), file("two"));
    expect((await problemsOf(simulated)).join()).toContain("choose one with --device-id");
    expect((await loadConfig({ ...simulated, deviceId: "two" })).hub.deviceId).toBe("two");
  });
});
