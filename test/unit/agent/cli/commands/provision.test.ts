import { chmod, mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { provision, type ProvisionPaths } from "../../../../../agent/cli/commands/provision.ts";
import { loadConfig } from "../../../../../agent/config/load.ts";
import { newBoardTrust } from "../../../../support/board-trust.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";
import { FakeTerminal } from "../../../../support/fake-terminal.ts";
import { TufRepository } from "../../../../support/tuf-repository.ts";

const device = "HostName=h.example;DeviceId=board-1;SharedAccessKey=c2VjcmV0LXNlY3JldA==";
const pem = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";

interface Setup {
  readonly folder: string;
  readonly paths: ProvisionPaths;
  readonly terminal: FakeTerminal;
  starts: number;
  /** What the service's unit takes instead of the file. */
  instead: string | undefined;
}

async function setUp({ systemd = true, typed = device } = {}): Promise<Setup> {
  const folder = await temporaryFolder();
  const configFolder = join(folder, "etc", "boardkeeper");
  const made: Setup = {
    folder,
    terminal: new FakeTerminal(),
    starts: 0,
    instead: undefined,
    paths: {
      configFolder,
      credentialFile: join(configFolder, "credentials", "connection-string"),
      startService: () => {
        made.starts += 1;
        return Promise.resolve(systemd);
      },
      sourceInstead: () => Promise.resolve(made.instead),
      trust: await newBoardTrust(),
    },
  };
  made.terminal.typed = typed;
  return made;
}

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}

const plain = { caFile: undefined, noStart: false, trust: undefined, fingerprint: undefined, yes: false };

describe("provision", () => {
  it.each([
    ["board+1", "", 'Warning: The id board+1 holds "+"'],
    ["board-1", ";ModuleId=a#b", 'Warning: The id board-1/a#b holds "#"'],
  ])("warns of the id %s%s, which no topic can carry", async (deviceId, module, warning) => {
    const typed = `HostName=h.example;DeviceId=${deviceId}${module};SharedAccessKey=c2VjcmV0LXNlY3JldA==`;
    const { paths, terminal } = await setUp({ typed });
    expect(await provision(plain, terminal, paths)).toBe(0);
    expect(terminal.notes).toContain(warning);
  });

  it("stores the connection string for its owner alone, where the config finds it, and starts the service", async () => {
    const { paths, terminal, folder } = await setUp({ typed: `${device}\n` });
    expect(await provision(plain, terminal, paths)).toBe(0);
    expect(await readFile(paths.credentialFile, "utf8")).toBe(`${device}\n`);
    expect(await modeOf(paths.credentialFile)).toBe("600");
    expect(await modeOf(join(paths.configFolder, "credentials"))).toBe("700");
    expect(await modeOf(paths.configFolder)).toBe("755");
    expect(terminal.notes).toContain("This board is now board-1 on h.example.");
    expect(terminal.notes).not.toContain("c2VjcmV0");
    const launch = { env: {}, simulate: false, deviceId: undefined, moduleId: undefined, stateDir: undefined };
    const { credentialFile } = paths;
    const config = await loadConfig({ ...launch, configFile: await emptyFile(folder), credentialFile });
    expect(config.hub).toMatchObject({ deviceId: "board-1", hostName: "h.example" });
  });

  it.each([false, true])("warns of a unit that takes another source, with --no-start: %s", async (noStart) => {
    const made = await setUp();
    await provision({ ...plain, noStart }, made.terminal, made.paths);
    expect(made.terminal.notes).not.toContain("Warning");
    made.instead = "/etc/credstore/connection-string";
    await provision({ ...plain, noStart }, made.terminal, made.paths);
    expect(made.terminal.notes).toMatch(
      /Warning: the service does not use this file: its unit takes .* from \/etc\/credstore\/connection-string\. Store it there too/,
    );
    expect(made.terminal.notes.match(/it is restarted within seconds/g)?.length).toBe(noStart ? 1 : undefined);
    expect(made.starts).toBe(noStart ? 0 : 2);
  });

  it("says that it is stored where what the service uses cannot be read", async () => {
    const { paths, terminal } = await setUp();
    const sourceInstead = (): Promise<string> => Promise.reject(new Error("/etc/default/x cannot be read: a folder"));
    await expect(provision(plain, terminal, { ...paths, sourceInstead })).rejects.toThrow(
      /^The connection string is stored, .*\/etc\/default\/x cannot be read: a folder\. .*systemctl restart/,
    );
  });

  it("starts the service unless --no-start, and says so where systemd does not run", async () => {
    const started = await setUp();
    await provision(plain, started.terminal, started.paths);
    expect(started.starts).toBe(1);
    expect(started.terminal.notes).toContain("The agent was started.");
    const held = await setUp();
    await provision({ ...plain, noStart: true }, held.terminal, held.paths);
    expect(held.starts).toBe(0);
    expect(held.terminal.notes).toContain("was not started");
    const without = await setUp({ systemd: false });
    await provision(plain, without.terminal, without.paths);
    expect(without.terminal.notes).toContain("systemd does not run here.");
  });

  it("replaces what was there, and corrects its permissions", async () => {
    const { paths, terminal } = await setUp();
    await mkdir(join(paths.configFolder, "credentials"), { recursive: true });
    await writeFile(paths.credentialFile, "old");
    await chmod(paths.credentialFile, 0o644);
    await provision(plain, terminal, paths);
    expect(await readFile(paths.credentialFile, "utf8")).toBe(`${device}\n`);
    expect(await modeOf(paths.credentialFile)).toBe("600");
    expect(await readdir(join(paths.configFolder, "credentials"))).toEqual(["connection-string"]);
  });

  it("names the CA of the hub in a drop-in", async () => {
    const { paths, terminal, folder } = await setUp();
    const caFile = join(folder, "ca.pem");
    await writeFile(caFile, pem);
    await provision({ ...plain, caFile }, terminal, paths);
    const { credentialFile, configFolder } = paths;
    await writeFile(join(configFolder, "agent.toml"), "");
    const launch = { env: {}, simulate: false, deviceId: undefined, moduleId: undefined, stateDir: undefined };
    const config = await loadConfig({ ...launch, configFile: join(configFolder, "agent.toml"), credentialFile });
    expect(config.hubCa).toBe(pem);
    expect(await modeOf(join(configFolder, "hub-ca.pem"))).toBe("644");
  });

  it.each([
    ["a connection string that is cut off", device.slice(0, -3), plain, /Nothing was changed.*cut off/],
    ["no CA", device, { ...plain, caFile: "/nonexistent/ca.pem" }, /Nothing was changed. --ca-file: ENOENT/],
    ["a folder as CA", device, { ...plain, caFile: "/etc" }, /--ca-file: \/etc is a folder, not a file/],
    ["a device as CA", device, { ...plain, caFile: "/dev/zero" }, /--ca-file: \/dev\/zero is a device, not a file/],
    ["what is no CA", device, { ...plain, caFile: "/etc/hostname" }, /is not a PEM certificate/],
  ])("changes nothing for %s", async (_what, typed, given, message) => {
    const made = await setUp({ typed });
    await expect(provision(given, made.terminal, made.paths)).rejects.toThrow(message);
    expect(await readdir(made.folder)).toEqual([]);
    expect(made.starts).toBe(0);
  });

  it("also stores whom the board trusts, before the service starts", async () => {
    const made = await setUp();
    const { store } = made.paths.trust;
    const root = new TufRepository().file("1.root.json");
    const file = join(made.folder, "root.json");
    await writeFile(file, root);
    await expect(provision({ ...plain, trust: file }, made.terminal, made.paths)).rejects.toThrow(
      "Nobody can be asked",
    );
    await expect(provision({ ...plain, trust: "-" }, made.terminal, made.paths)).rejects.toThrow("not possible");
    made.terminal.typed = "HostName=cut";
    await expect(provision({ ...plain, trust: file, yes: true }, made.terminal, made.paths)).rejects.toThrow("Nothing");
    expect([await store.load(), made.starts]).toStrictEqual([undefined, 0]);
    made.terminal.typed = device;
    expect(await provision({ ...plain, trust: file, yes: true }, made.terminal, made.paths)).toBe(0);
    expect(await store.load()).toMatchObject({ metadata: { root } });
    expect(made.starts).toBe(1);
  });
});

async function emptyFile(folder: string): Promise<string> {
  const path = join(folder, "agent.toml");
  await writeFile(path, "");
  return path;
}
