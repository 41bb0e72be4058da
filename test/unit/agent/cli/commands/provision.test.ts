import { chmod, mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { provision, type ProvisionPaths } from "../../../../../agent/cli/commands/provision.ts";
import { loadConfig } from "../../../../../agent/config/load.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";
import { FakeTerminal } from "../../../../support/fake-terminal.ts";

const device = "HostName=h.example;DeviceId=board-1;SharedAccessKey=c2VjcmV0LXNlY3JldA==";
const pem = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";

interface Scene {
  readonly folder: string;
  readonly places: ProvisionPaths;
  readonly terminal: FakeTerminal;
  starts: number;
}

async function scene({ systemd = true, typed = device } = {}): Promise<Scene> {
  const folder = await temporaryFolder();
  const configFolder = join(folder, "etc", "boardkeeper");
  const made: Scene = {
    folder,
    terminal: new FakeTerminal(),
    starts: 0,
    places: {
      configFolder,
      credentialFile: join(configFolder, "credentials", "connection-string"),
      startService: () => {
        made.starts += 1;
        return Promise.resolve(systemd);
      },
    },
  };
  made.terminal.typed = typed;
  return made;
}

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}

const plain = { caFile: undefined, noStart: false };

describe("provision", () => {
  it("keeps the connection string for its owner alone, where the config finds it, and starts the service", async () => {
    const { places, terminal, folder } = await scene({ typed: `${device}\n` });
    expect(await provision(plain, terminal, places)).toBe(0);
    expect(await readFile(places.credentialFile, "utf8")).toBe(`${device}\n`);
    expect(await modeOf(places.credentialFile)).toBe("600");
    expect(await modeOf(join(places.configFolder, "credentials"))).toBe("700");
    expect(await modeOf(places.configFolder)).toBe("755");
    expect(terminal.notes).toContain("This board is now board-1 on h.example.");
    expect(terminal.notes).not.toContain("c2VjcmV0");
    const around = { env: {}, simulate: false, deviceId: undefined, moduleId: undefined, stateDir: undefined };
    const { credentialFile } = places;
    const config = await loadConfig({ ...around, configFile: await emptyFile(folder), credentialFile });
    expect(config.hub).toMatchObject({ deviceId: "board-1", hostName: "h.example" });
  });

  it("starts the service, unless told not to, and says so where nobody can", async () => {
    const started = await scene();
    await provision(plain, started.terminal, started.places);
    expect(started.starts).toBe(1);
    expect(started.terminal.notes).toContain("The agent was started.");
    const held = await scene();
    await provision({ ...plain, noStart: true }, held.terminal, held.places);
    expect(held.starts).toBe(0);
    expect(held.terminal.notes).toContain("was not started");
    const without = await scene({ systemd: false });
    await provision(plain, without.terminal, without.places);
    expect(without.terminal.notes).toContain("systemd does not run here.");
  });

  it("takes the place of what was there, and mends its permissions", async () => {
    const { places, terminal } = await scene();
    await mkdir(join(places.configFolder, "credentials"), { recursive: true });
    await writeFile(places.credentialFile, "old");
    await chmod(places.credentialFile, 0o644);
    await provision(plain, terminal, places);
    expect(await readFile(places.credentialFile, "utf8")).toBe(`${device}\n`);
    expect(await modeOf(places.credentialFile)).toBe("600");
    expect(await readdir(join(places.configFolder, "credentials"))).toEqual(["connection-string"]);
  });

  it("gives the hub's authority to the agent in a drop-in", async () => {
    const { places, terminal, folder } = await scene();
    const caFile = join(folder, "ca.pem");
    await writeFile(caFile, pem);
    await provision({ ...plain, caFile }, terminal, places);
    const { credentialFile, configFolder } = places;
    await writeFile(join(configFolder, "agent.toml"), "");
    const around = { env: {}, simulate: false, deviceId: undefined, moduleId: undefined, stateDir: undefined };
    const config = await loadConfig({ ...around, configFile: join(configFolder, "agent.toml"), credentialFile });
    expect(config.hubCa).toBe(pem);
    expect(await modeOf(join(configFolder, "hub-ca.pem"))).toBe("644");
  });

  it.each([
    ["a connection string that is cut off", device.slice(0, -3), plain, /Nothing was changed.*cut off/],
    ["no CA", device, { ...plain, caFile: "/nonexistent/ca.pem" }, /Nothing was changed. --ca-file: ENOENT/],
    ["what is no CA", device, { ...plain, caFile: "/etc/hostname" }, /is not a PEM certificate/],
  ])("changes nothing for %s", async (_what, typed, given, message) => {
    const made = await scene({ typed });
    await expect(provision(given, made.terminal, made.places)).rejects.toThrow(message);
    expect(await readdir(made.folder)).toEqual([]);
    expect(made.starts).toBe(0);
  });
});

async function emptyFile(folder: string): Promise<string> {
  const path = join(folder, "agent.toml");
  await writeFile(path, "");
  return path;
}
