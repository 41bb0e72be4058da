import { mkdir, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startImageServer } from "../../../service-tools/images/server.ts";
import { startLocalHub } from "../../../service-tools/local-hub/start.ts";
import type { LocalHub } from "../../../service-tools/local-hub/options.ts";
import { serviceClients } from "../../support/azure-sdk.ts";
import { testHub } from "../../support/local-hub.ts";
import { callHub } from "../../support/raw-https.ts";
import { connectRaw } from "../../support/raw-mqtt.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

async function readJson(...path: string[]): Promise<unknown> {
  const value: unknown = JSON.parse(await readFile(join(...path), "utf8"));
  return value;
}

async function deviceFiles({ folder }: LocalHub): Promise<string[]> {
  return (await readdir(join(folder, "devices"))).sort();
}

describe("the files for other programs", () => {
  it("hold all that an operator's program needs", async () => {
    const hub = await testHub();
    expect(await readJson(hub.folder, "context.json")).toEqual({
      version: 1,
      connectionString: hub.serviceConnectionString(),
      caFile: join(hub.folder, "ca.pem"),
      mqttPort: hub.ports.mqtt,
      httpsPort: hub.ports.https,
      controlPort: expect.any(Number),
      imagesUrl: `https://localhost:${hub.ports.images}/`,
    });
    expect(await readFile(hub.caFile, "utf8")).toBe(hub.ca);
  });

  it("hold all that a device's program needs, and a module's", async () => {
    const hub = await testHub();
    const device = await hub.addDevice("board#1");
    const module = await hub.addModule("board#1", "agent");
    const common = { version: 1, deviceId: "board#1", webSocketPort: hub.ports.https, caFile: hub.caFile };
    expect(await readJson(hub.folder, "devices", "board%231.json")).toEqual({ ...common, connectionString: device });
    expect(await readJson(hub.folder, "devices", "board%231~agent.json")).toEqual({
      ...common,
      moduleId: "agent",
      connectionString: module,
    });
    expect(device).toMatch(/^HostName=localhost:\d+;DeviceId=board#1;SharedAccessKey=/);
    expect(device).toContain(`HostName=localhost:${hub.ports.mqtt};`);
  });

  it("follow each change of an identity", async () => {
    const hub = await testHub();
    const { registry } = serviceClients(hub);
    const [first, second] = [Buffer.alloc(32, 1).toString("base64"), Buffer.alloc(32, 2).toString("base64")];
    const withKey = (primaryKey: string): object => ({
      type: "sas",
      symmetricKey: { primaryKey, secondaryKey: first },
    });

    await registry.create({ deviceId: "board-1", authentication: withKey(first) });
    await registry.addModule({ deviceId: "board-1", moduleId: "agent" });
    expect(await deviceFiles(hub)).toEqual(["board-1.json", "board-1~agent.json"]);
    expect(await readJson(hub.folder, "devices", "board-1.json")).toMatchObject({
      connectionString: expect.stringContaining(`;SharedAccessKey=${first}`),
    });

    await registry.update({ deviceId: "board-1", status: "enabled", authentication: withKey(second) });
    expect(await readJson(hub.folder, "devices", "board-1.json")).toMatchObject({
      connectionString: expect.stringContaining(`;SharedAccessKey=${second}`),
    });

    await registry.removeModule("board-1", "agent");
    expect(await deviceFiles(hub)).toEqual(["board-1.json"]);
    await registry.delete("board-1");
    expect(await deviceFiles(hub)).toEqual([]);
  });

  it("exist for devices with a key only", async () => {
    const hub = await testHub();
    const authentication = { type: "selfSigned", x509Thumbprint: { primaryThumbprint: "A".repeat(40) } };
    const { status } = await callHub(hub, {
      method: "PUT",
      path: "/devices/board-1?api-version=2021-04-12",
      body: JSON.stringify({ deviceId: "board-1", authentication }),
    });
    expect(status).toBe(200);
    expect(await deviceFiles(hub)).toEqual([]);
  });

  it("get new ports, and those of removed devices are deleted", async () => {
    const folder = await temporaryFolder();
    const before = await testHub({ folder });
    await before.addDevice("board-1");
    await before.stop();
    await rm(join(folder, "ports.json"));
    await writeFile(join(folder, "devices", "board-9.json"), "{}");
    const after = await testHub({ folder });
    expect(await deviceFiles(after)).toEqual(["board-1.json"]);
    expect(await readJson(folder, "devices", "board-1.json")).toMatchObject({
      connectionString: after.deviceConnectionString("board-1"),
      webSocketPort: after.ports.https,
    });
    expect(await readJson(folder, "context.json")).toMatchObject({ connectionString: after.serviceConnectionString() });
  });
});

describe("every file and folder", () => {
  it("is readable by its owner only", async () => {
    const folder = join(await temporaryFolder(), "new", "hub");
    const hub = await testHub({ folder });
    await hub.addDevice("board-1");
    await hub.addModule("board-1", "agent");
    const raw = await connectRaw(hub, { deviceId: "board-1", clean: false });
    await raw.client.subscribeAsync("$iothub/methods/POST/#");
    await raw.client.publishAsync("devices/board-1/messages/events/", "1", { qos: 1 });
    const names = await readdir(folder, { recursive: true });
    const modes = await Promise.all(
      [".", ...names].map(async (name) => {
        const { mode } = await stat(join(folder, name));
        return `${name} ${(mode & 0o7777).toString(8)}`;
      }),
    );
    expect(modes.sort()).toEqual([
      ". 700",
      "ca-key.pem 600",
      "ca.pem 600",
      "context.json 600",
      "devices 700",
      "devices/board-1.json 600",
      "devices/board-1~agent.json 600",
      "hub.lock 600",
      "policies.json 600",
      "ports.json 600",
      "server.pem 600",
      "state 700",
      "state/devices 700",
      "state/devices/board-1.json 600",
      "state/sessions.json 600",
      "state/telemetry.jsonl 600",
    ]);
  });
});

describe("a corrupt file", () => {
  const files = [
    { file: "ca.pem", text: "no PEM", why: "it is not a certificate with its private key" },
    { file: "server.pem", text: "no PEM", why: "it is not a certificate with its private key" },
    { file: "policies.json", text: '{"version":1,"policies":{}}', why: "at 'policies.iothubowner':" },
    { file: "policies.json", text: '{"version":2}', why: "at 'version':" },
    { file: "ports.json", text: '{"version":1,"mqtt":"8883"}', why: "at 'mqtt':" },
    { file: "state/sessions.json", text: "", why: "it is not JSON" },
    { file: "state/telemetry.jsonl", text: '{"sequenceNumber":1}\n', why: "line 1 is not a telemetry event" },
    { file: "state/devices/board-1.json", text: '{"version":1', why: "it is not JSON" },
    { file: "state/devices/board-1.json", text: '{"version":1}', why: "at 'identity':" },
  ];

  it.each(files)("$file: $text keeps the hub from starting, untouched", async ({ file, text, why }) => {
    const folder = await temporaryFolder();
    const before = await testHub({ folder });
    await before.addDevice("board-1");
    await before.stop();
    const path = join(folder, file);
    await mkdir(join(path, ".."), { recursive: true });
    await writeFile(path, text);

    const failure: unknown = await startLocalHub({ startImages: startImageServer, folder }).catch(
      (error: unknown) => error,
    );
    expect(String(failure)).toContain(`The local hub cannot read ${path}: ${why}`);
    expect(String(failure)).toContain("Restore a good copy of this file, or move it away (its content is lost)");
    expect(await readFile(path, "utf8")).toBe(text);

    // As the message says.
    await rm(path);
    const after = await testHub({ folder });
    expect((await callHub(after, { method: "GET", path: "/devices?api-version=2021-04-12" })).status).toBe(200);
  });

  it("is the authority's key, when it belongs to another certificate", async () => {
    const [one, other] = [await testHub(), await testHub()];
    await Promise.all([one.stop(), other.stop()]);
    const keyFile = join(one.folder, "ca-key.pem");
    await writeFile(keyFile, await readFile(join(other.folder, "ca-key.pem")));
    await expect(startLocalHub({ startImages: startImageServer, folder: one.folder })).rejects.toThrow(
      `${one.caFile}: the certificate does not belong to the private key in ${keyFile}`,
    );
  });
});
