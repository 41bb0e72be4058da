import { appendFile, readFile, readdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { startImageServer } from "../../../service-tools/images/server.ts";
import { startLocalHub } from "../../../service-tools/local-hub/start.ts";
import type { LogEntry } from "../../../service-tools/local-hub/lib/log.ts";
import type { LocalHub } from "../../../service-tools/local-hub/options.ts";
import { serviceClients } from "../../support/azure-sdk.ts";
import { testHub } from "../../support/local-hub.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { callHub } from "../../support/raw-https.ts";
import { connectRaw } from "../../support/raw-mqtt.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const VERSION = "api-version=2021-04-12";

/** A device and its module, with everything that can be known of them. */
async function populate(hub: LocalHub): Promise<void> {
  await hub.addDevice("board-1");
  await hub.addModule("board-1", "agent");
  await hub.addDevice("board-2");
  const { registry } = serviceClients(hub);
  await registry.update({ deviceId: "board-2", status: "disabled", statusReason: "in repair" });
  await registry.updateTwin("board-1", { tags: { site: "Ålesund" }, properties: { desired: { a: { b: 1 } } } }, "*");
  await registry.updateTwin("board-1", { properties: { desired: { a: { b: null, c: [1] } } } }, "*");
  await registry.updateModuleTwin("board-1", "agent", { properties: { desired: { interval: 5 } } }, "*");
  const raw = await connectRaw(hub, { deviceId: "board-1" });
  await raw.client.subscribeAsync("$iothub/twin/res/#");
  await raw.client.publishAsync("$iothub/twin/PATCH/properties/reported/?$rid=1", '{"firmware":{"version":"1.0"}}');
  await raw.next("$iothub/twin/res/204/");
  await raw.client.publishAsync("devices/board-1/messages/events/alert=true", '{"temperature":21}', { qos: 1 });
  await raw.client.endAsync();
}

/** All that a service can ask for, word for word. */
async function everything(hub: LocalHub): Promise<string[]> {
  const paths = [
    `/devices/board-1?${VERSION}`,
    `/devices/board-2?${VERSION}`,
    `/devices/board-1/modules/agent?${VERSION}`,
    `/twins/board-1?${VERSION}`,
    `/twins/board-2?${VERSION}`,
    `/twins/board-1/modules/agent?${VERSION}`,
    `/statistics/devices?${VERSION}`,
    "/local-hub/events",
  ];
  const answers = await Promise.all(paths.map((path) => callHub(hub, { method: "GET", path })));
  return answers.map(({ status, body }) => `${status} ${body}`);
}

async function publish(hub: LocalHub, from: number, to: number): Promise<void> {
  const raw = await connectRaw(hub, { deviceId: "board-1" });
  const numbers = Array.from({ length: to - from + 1 }, (_, index) => String(from + index));
  await Promise.all(numbers.map((one) => raw.client.publishAsync("devices/board-1/messages/events/", one, { qos: 1 })));
}

/** Takes this port of the machine until the test is over; 0 is a free one. */
async function occupy(port: number): Promise<{ port: number; leave: () => Promise<void> }> {
  const server = createServer();
  const leave = async (): Promise<void> => {
    await new Promise((resolve) => {
      server.close(resolve);
    });
  };
  onTestFinished(leave);
  await new Promise<void>((resolve) => {
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address();
  return { port: typeof address === "object" ? (address?.port ?? 0) : 0, leave };
}

describe("a hub that is started again", () => {
  it("has the same identities, keys, twins, telemetry, ports, policies and authority", async () => {
    const folder = await temporaryFolder();
    const before = await testHub({ folder });
    await populate(before);
    const known = await everything(before);
    await before.stop();

    const after = await testHub({ folder });
    expect(await everything(after)).toEqual(known);
    expect(known.join("\n")).toContain('"temperature');
    expect(after.ports).toEqual(before.ports);
    expect(after.ca).toBe(before.ca);
    expect(after.serviceConnectionString("registryRead")).toBe(before.serviceConnectionString("registryRead"));
    expect(after.deviceConnectionString("board-1", "agent")).toBe(before.deviceConnectionString("board-1", "agent"));
  });

  it("shows no device as connected until it connects", async () => {
    const folder = await temporaryFolder();
    const before = await testHub({ folder });
    await before.addDevice("board-1");
    await connectRaw(before, { deviceId: "board-1" });
    const path = `/twins/board-1?${VERSION}`;
    expect((await callHub(before, { method: "GET", path })).body).toContain('"connectionState":"Connected"');
    await before.stop();
    const after = await testHub({ folder });
    expect((await callHub(after, { method: "GET", path })).body).toContain('"connectionState":"Disconnected"');
  });

  it("continues the sequence numbers of telemetry, and stores the last events", async () => {
    const folder = await temporaryFolder();
    const before = await testHub({ folder });
    await before.addDevice("board-1");
    await publish(before, 1, 2100);
    await before.stop();
    const after = await testHub({ folder });
    await publish(after, 2101, 2101);
    const { body } = await callHub(after, { method: "GET", path: "/local-hub/events" });
    const events = body
      .trimEnd()
      .split("\n")
      .map((line): { sequenceNumber: number; body: string } => JSON.parse(line));
    expect(events.map((event) => event.sequenceNumber)).toEqual(
      Array.from({ length: 1101 }, (_, index) => 1001 + index),
    );
    expect(events.at(-1)).toMatchObject({ sequenceNumber: 2101, body: "2101" });
  });

  it("drops half an event left by a kill, logs it, and continues after the whole ones", async () => {
    const folder = await temporaryFolder();
    const before = await testHub({ folder });
    await populate(before);
    await before.stop();
    const file = join(folder, "state", "telemetry.jsonl");
    const whole = await readFile(file, "utf8");
    await appendFile(file, '{"sequenceNumber":2,"enqu');
    const log: LogEntry[] = [];
    await testHub({ folder, log: (entry) => log.push(entry) });
    expect(await readFile(file, "utf8")).toBe(whole);
    expect(log).toContainEqual({ level: "warn", message: "half a telemetry event dropped", file });
  });

  it("removes the temporary files left by a kill", async () => {
    const folder = await temporaryFolder();
    const before = await testHub({ folder });
    await before.addDevice("board-1");
    await before.stop();
    const halves = [".ports.json.0a1b2c3d4e5f.writing", "state/devices/.board-1.json.0a1b2c3d4e5f.writing"];
    await Promise.all(halves.map((name) => writeFile(join(folder, name), '{"versi')));
    await testHub({ folder });
    const names = await readdir(folder, { recursive: true });
    expect(names.filter((name) => name.endsWith(".writing"))).toEqual([]);
  });

  it("renews the server's certificate before it expires, by the same authority", async () => {
    const folder = await temporaryFolder();
    const clock = new ManualClock();
    const before = await testHub({ folder, clock });
    await before.stop();
    const certificate = await readFile(join(folder, "server.pem"), "utf8");

    await (await testHub({ folder, clock })).stop();
    expect(await readFile(join(folder, "server.pem"), "utf8")).toBe(certificate);

    clock.advance(380 * 24 * 60 * 60 * 1000);
    const after = await testHub({ folder, clock });
    expect(await readFile(join(folder, "server.pem"), "utf8")).not.toBe(certificate);
    expect(after.ca).toBe(before.ca);
  });

  it("reports which program has its saved port, and unlocks the folder", async () => {
    const folder = await temporaryFolder();
    const before = await testHub({ folder });
    await before.stop();
    const other = await occupy(before.ports.mqtt);
    await expect(startLocalHub({ startImages: startImageServer, folder })).rejects.toThrow(
      new RegExp(
        `^The local hub cannot open port ${before.ports.mqtt} for MQTT: another program uses it\\. .*ports\\.json`,
      ),
    );
    await other.leave();
    const after = await testHub({ folder });
    expect(after.ports).toEqual(before.ports);
  });

  it("uses the given ports, and saves them", async () => {
    const folder = await temporaryFolder();
    const { port, leave } = await occupy(0);
    await leave();
    const before = await testHub({ folder, ports: { mqtt: port } });
    expect(before.ports.mqtt).toBe(port);
    await before.stop();
    expect((await testHub({ folder })).ports).toEqual(before.ports);
  });
});

describe("one folder", () => {
  it("is for one hub at a time", async () => {
    const hub = await testHub();
    await expect(startLocalHub({ startImages: startImageServer, folder: hub.folder })).rejects.toThrow(
      `A local hub (process ${process.pid}) is already running in ${hub.folder}. Use that one, stop it with: ` +
        `boardkeeper hub stop --folder ${hub.folder}, or give the new hub another --folder.`,
    );
    expect((await callHub(hub, { method: "GET", path: `/devices?${VERSION}` })).status).toBe(200);
  });

  it("is taken over from a hub that was killed", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "hub.lock"), JSON.stringify({ pid: 1, startedAt: "another boot 1" }));
    await testHub({ folder });
    expect(JSON.parse(await readFile(join(folder, "hub.lock"), "utf8"))).toMatchObject({ pid: process.pid });
  });

  it("is unlocked when the hub has stopped, however often stop is called", async () => {
    const hub = await testHub();
    await Promise.all([hub.stop(), hub.stop()]);
    expect(await readdir(hub.folder)).not.toContain("hub.lock");
  });
});
