import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hubAddressOf, parseLogin, findLogin } from "../../../../service-tools/hub-client/login.ts";
import { specialFiles } from "../../../support/special-files.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const service = "HostName=fleet.azure-devices.net;SharedAccessKeyName=service;SharedAccessKey=c2VjcmV0PT0=";
const pem = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n";

describe("a service connection string", () => {
  it("names host, policy and key; a key may hold equals signs", () => {
    expect(parseLogin(`  ${service}; `)).toEqual({
      ok: true,
      value: {
        hostName: "fleet.azure-devices.net",
        host: "fleet.azure-devices.net",
        port: 443,
        keyName: "service",
        key: "c2VjcmV0PT0=",
      },
    });
  });

  it("may name a port", () => {
    const read = parseLogin("HostName=localhost:18443;SharedAccessKeyName=a;SharedAccessKey=b");
    expect(read).toMatchObject({ ok: true, value: { hostName: "localhost:18443", host: "localhost", port: 18_443 } });
  });

  it.each([
    ["", "HostName, SharedAccessKeyName, SharedAccessKey is missing"],
    ["HostName=x;SharedAccessKeyName=y", "SharedAccessKey is missing"],
    ["HostName=x;DeviceId=y;SharedAccessKey=secret", "a device's connection string"],
    ["secret", "HostName, SharedAccessKeyName, SharedAccessKey is missing"],
  ])("is rejected without being repeated: %s", (text, problem) => {
    const read = parseLogin(text);
    expect(read.ok ? "" : read.problem).toContain(problem);
    expect(JSON.stringify(read)).not.toContain("secret");
  });

  it("gives devices of the local hub the MQTT port", () => {
    expect(hubAddressOf({ hostName: "localhost:18443", host: "localhost" }, { mqttPort: 18_883 })).toEqual({
      hostName: "localhost:18443",
      isLocal: true,
      isOwnLocalHub: true,
      deviceHostName: "localhost:18883",
    });
    expect(hubAddressOf({ hostName: "fleet.example", host: "fleet.example" }, undefined).isLocal).toBe(false);
  });
});

describe("the hub to use", () => {
  const localString = "HostName=localhost:18443;SharedAccessKeyName=iothubowner;SharedAccessKey=b3duZXI=";

  /** A home in which a local hub has been. */
  async function home(): Promise<{ env: Record<string, string>; folder: string }> {
    const folder = await temporaryFolder();
    await mkdir(join(folder, "hub"));
    const caFile = join(folder, "hub", "ca.pem");
    await writeFile(caFile, pem);
    const context = {
      version: 1,
      connectionString: localString,
      caFile,
      mqttPort: 18_883,
      httpsPort: 18_443,
      imagesUrl: "https://localhost:1/",
    };
    await writeFile(join(folder, "hub", "context.json"), JSON.stringify(context));
    return { env: { BOARDKEEPER_HOME: folder }, folder };
  }

  it("is the local one if no other is named", async () => {
    const { env } = await home();
    expect(await findLogin(env, {})).toEqual({
      address: { hostName: "localhost:18443", isLocal: true, isOwnLocalHub: true, deviceHostName: "localhost:18883" },
      host: "localhost",
      port: 18_443,
      keyName: "iothubowner",
      key: "b3duZXI=",
      ca: pem,
    });
  });

  it("is that of the environment before the local one, and that of the command line before both", async () => {
    const { env } = await home();
    const named = { ...env, IOTHUB_CONNECTION_STRING: service };
    expect(await findLogin(named, {})).toMatchObject({ host: "fleet.azure-devices.net", ca: undefined });
    const other = "HostName=other.example;SharedAccessKeyName=a;SharedAccessKey=b";
    expect(await findLogin(named, { login: other })).toMatchObject({ host: "other.example" });
  });

  it("is trusted as the local one with another policy, too", async () => {
    const { env } = await home();
    const login = "HostName=localhost:18443;SharedAccessKeyName=service;SharedAccessKey=b";
    expect(await findLogin(env, { login })).toMatchObject({ keyName: "service", ca: pem });
  });

  it("is missing: the error says how to get one", async () => {
    const env = { BOARDKEEPER_HOME: await temporaryFolder() };
    await expect(findLogin(env, {})).rejects.toMatchObject({
      exitCode: 3,
      advice: expect.stringMatching(/boardkeeper hub start[^]*IOTHUB_CONNECTION_STRING/) as string,
    });
  });

  it.each([
    ["a file that is not there", "/nonexistent/ca.pem", "cannot be read"],
    ["a file that is no certificate", "package.json", "package.json is not a PEM file of certificates"],
  ])("is not used with %s as --ca-file", async (_what, caFile, message) => {
    await expect(findLogin({}, { login: service, caFile })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining(message) as string,
    });
  });

  it.each(specialFiles)("is not used with %s as --ca-file, nor waits for it", async (_what, make) => {
    const caFile = join(await temporaryFolder(), "ca.pem");
    await make(caFile);
    await expect(findLogin({}, { login: service, caFile })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining("cannot be read: it is not a regular file") as string,
    });
  });

  it("is not taken from a damaged context file", async () => {
    const { env, folder } = await home();
    const path = join(folder, "hub", "context.json");
    await writeFile(path, "{");
    await chmod(path, 0o600);
    await expect(findLogin(env, {})).rejects.toThrow(path);
  });
});
