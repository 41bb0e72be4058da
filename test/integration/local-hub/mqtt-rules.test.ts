import { describe, expect, it } from "vitest";
import type { LocalHub } from "../../../service-tools/local-hub/options.ts";
import { serviceClients } from "../../support/azure-sdk.ts";
import { testHub } from "../../support/local-hub.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { callHub, parts } from "../../support/raw-https.ts";
import { connectRaw, deviceToken } from "../../support/raw-mqtt.ts";
import type { RawConnect, RawMqtt } from "../../support/raw-mqtt.ts";
import { sasToken } from "../../support/sas-token.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const VERSION = "api-version=2021-04-12";
const METHODS = "$iothub/methods/POST/#";
const DESIRED = "$iothub/twin/PATCH/properties/desired/#";
const soonS = (): number => Math.ceil(Date.now() / 1000) + 600;

async function startHub(): Promise<LocalHub> {
  const hub = await testHub();
  await hub.addDevice("board-1");
  await hub.addDevice("board-2");
  await hub.addModule("board-1", "agent");
  return hub;
}

async function put(hub: LocalHub, path: string, body: object): Promise<number> {
  const { status } = await callHub(hub, {
    method: "PUT",
    path: `${path}?${VERSION}`,
    headers: { "if-match": "*" },
    body: JSON.stringify(body),
  });
  return status;
}

async function patchDesired(hub: LocalHub, deviceId: string, desired: object): Promise<void> {
  const body = JSON.stringify({ properties: { desired } });
  await callHub(hub, { method: "PATCH", path: `/twins/${deviceId}?${VERSION}`, body });
}

async function twinText(hub: LocalHub, path = "/twins/board-1"): Promise<string> {
  return (await callHub(hub, { method: "GET", path: `${path}?${VERSION}` })).body;
}

/** Telemetry as the hub shows it. */
async function events(hub: LocalHub): Promise<object[]> {
  const { body } = await callHub(hub, { method: "GET", path: "/local-hub/events" });
  return body
    .split("\n")
    .filter((line) => line !== "")
    .map((line): object => JSON.parse(line));
}

describe("a connection is refused", () => {
  it.each<{ what: string; options: (hub: LocalHub) => Partial<RawConnect>; code: number }>([
    { what: "without a user name", options: () => ({ username: "", password: "" }), code: 4 },
    { what: "with a user name of another kind", options: () => ({ username: "board-1" }), code: 4 },
    { what: "for another hub", options: () => ({ username: "other.azure-devices.net/board-1/?x=1" }), code: 5 },
    { what: "with another client id", options: () => ({ clientId: "board-2" }), code: 5 },
    { what: "with another device's key", options: (hub) => ({ password: deviceToken(hub, "board-2") }), code: 5 },
    { what: "with an expired token", options: () => ({ expiryS: Math.floor(Date.now() / 1000) - 10 }), code: 5 },
    {
      what: "of a device that is not registered",
      options: () => ({ clientId: "board-9", username: `localhost/board-9/?${VERSION}` }),
      code: 5,
    },
  ])("$what, with return code $code", async ({ options, code }) => {
    const hub = await startHub();
    await expect(connectRaw(hub, { deviceId: "board-1", ...options(hub) })).rejects.toMatchObject({ code });
  });

  it("of a disabled device, and of its modules, with return code 5", async () => {
    const hub = await startHub();
    await put(hub, "/devices/board-1", { status: "disabled" });
    await expect(connectRaw(hub, { deviceId: "board-1" })).rejects.toMatchObject({ code: 5 });
    await expect(connectRaw(hub, { deviceId: "board-1", moduleId: "agent" })).rejects.toMatchObject({ code: 5 });
  });

  it("over WebSockets at another path than /$iothub/websocket", async () => {
    const hub = await startHub();
    const { status } = await callHub(hub, {
      method: "GET",
      path: "/mqtt",
      headers: { connection: "Upgrade", upgrade: "websocket", "sec-websocket-protocol": "mqtt" },
    });
    expect(status).toBe(400);
  });
});

function named(hub: LocalHub, host: string): Partial<RawConnect> {
  const { SharedAccessKey } = parts(hub.deviceConnectionString("board-1"));
  return {
    username: `${host}/board-1/?${VERSION}`,
    password: sasToken(`${host}/devices/board-1`, SharedAccessKey ?? "", soonS()),
  };
}

describe("a connection is accepted", () => {
  it.each<{ what: string; options: (hub: LocalHub) => Partial<RawConnect> }>([
    { what: "with the port in audience and user name", options: (hub) => named(hub, `localhost:${hub.ports.mqtt}`) },
    { what: "with the hub's own name, as behind a GatewayHostName", options: (hub) => named(hub, hub.hubName) },
    { what: "by address", options: (hub) => named(hub, "127.0.0.1") },
    { what: "by address, IPv6", options: (hub) => named(hub, "[::1]") },
  ])("$what", async ({ options }) => {
    const hub = await startHub();
    const raw = await connectRaw(hub, { deviceId: "board-1", ...options(hub) });
    expect(raw.client.connected).toBe(true);
    expect(await twinText(hub)).toContain('"connectionState":"Connected"');
  });
});

describe("the hub closes the connection", () => {
  it.each<{ what: string; act: (raw: RawMqtt) => void }>([
    {
      what: "on another device's telemetry topic",
      act: ({ client }) => client.publish("devices/board-2/messages/events/", "x"),
    },
    {
      what: "on a module's topic, used by its device",
      act: ({ client }) => client.publish("devices/board-1/modules/agent/messages/events/", "x"),
    },
    { what: "on a topic of nobody's", act: ({ client }) => client.publish("home/kitchen", "x") },
    { what: "on QoS 2", act: ({ client }) => client.publish("devices/board-1/messages/events/", "x", { qos: 2 }) },
    {
      what: "on more than 256 KB",
      act: ({ client }) => client.publish("devices/board-1/messages/events/", "x".repeat(256 * 1024 + 1)),
    },
    { what: "on a subscription to everything", act: ({ client }) => client.subscribe("#") },
    {
      what: "on another device's messages",
      act: ({ client }) => client.subscribe("devices/board-2/messages/devicebound/#"),
    },
  ])("$what", async ({ act }) => {
    const raw = await connectRaw(await startHub(), { deviceId: "board-1" });
    act(raw);
    await raw.closed();
    expect(raw.client.connected).toBe(false);
  });

  it("when the device connects a second time, and keeps the new connection", async () => {
    const hub = await startHub();
    const first = await connectRaw(hub, { deviceId: "board-1" });
    const second = await connectRaw(hub, { deviceId: "board-1" });
    await first.closed();
    await second.client.subscribeAsync(DESIRED);
    await patchDesired(hub, "board-1", { a: 1 });
    expect((await second.next("$iothub/twin/PATCH/")).payload).toBe('{"a":1,"$version":2}');
    expect(await twinText(hub)).toContain('"connectionState":"Connected"');
  });

  it("when its token expires, and not before", async () => {
    const clock = new ManualClock();
    const hub = await testHub({ clock });
    await hub.addDevice("board-1");
    const expiryS = Math.floor(clock.nowMs() / 1000) + 3600;
    const raw = await connectRaw(hub, { deviceId: "board-1", expiryS });
    clock.advance(3598 * 1000);
    await raw.client.subscribeAsync(DESIRED);
    clock.advance(2 * 1000);
    await raw.closed();
    await expect(connectRaw(hub, { deviceId: "board-1", expiryS })).rejects.toMatchObject({ code: 5 });
  });

  it.each<{ what: string; act: (hub: LocalHub) => Promise<unknown> }>([
    { what: "is removed", act: (hub) => serviceClients(hub).registry.delete("board-1") },
    { what: "is disabled", act: (hub) => put(hub, "/devices/board-1", { status: "disabled" }) },
    { what: "gets new keys", act: (hub) => put(hub, "/devices/board-1", {}) },
  ])("of a device that $what", async ({ act }) => {
    const hub = await startHub();
    const raw = await connectRaw(hub, { deviceId: "board-1" });
    await act(hub);
    await raw.closed();
    expect(raw.client.connected).toBe(false);
  });

  it("of the modules of a disabled device, but not of other devices", async () => {
    const hub = await startHub();
    const module = await connectRaw(hub, { deviceId: "board-1", moduleId: "agent" });
    const other = await connectRaw(hub, { deviceId: "board-2" });
    await put(hub, "/devices/board-1", { status: "disabled" });
    await module.closed();
    await expect(other.client.subscribeAsync(METHODS)).resolves.toHaveLength(1);
  });
});

describe("subscriptions", () => {
  it("are granted QoS 1 at most", async () => {
    const raw = await connectRaw(await startHub(), { deviceId: "board-1" });
    const granted = await raw.client.subscribeAsync({ [METHODS]: { qos: 2 }, [DESIRED]: { qos: 0 } });
    expect(granted.map(({ qos }) => qos)).toEqual([1, 0]);
  });

  it("of a session survive the connection and the hub", async () => {
    const folder = await temporaryFolder();
    const before = await testHub({ folder });
    await before.addDevice("board-1");
    const raw = await connectRaw(before, { deviceId: "board-1", clean: false });
    await raw.client.subscribeAsync(DESIRED);
    await before.stop();
    await raw.closed();

    const after = await testHub({ folder });
    expect(after.ports).toEqual(before.ports);
    const again = await connectRaw(after, { deviceId: "board-1", clean: false });
    expect(again.sessionPresent).toBe(true);
    await patchDesired(after, "board-1", { a: 1 });
    expect((await again.next("$iothub/twin/PATCH/")).payload).toBe('{"a":1,"$version":2}');
  });

  it("of a session end with clean: true", async () => {
    const hub = await startHub();
    const session = await connectRaw(hub, { deviceId: "board-1", clean: false });
    await session.client.subscribeAsync(DESIRED);
    await connectRaw(hub, { deviceId: "board-1", clean: true });
    const again = await connectRaw(hub, { deviceId: "board-1", clean: false });
    expect(again.sessionPresent).toBe(false);
  });

  it("are not stored when they were refused", async () => {
    const hub = await startHub();
    const raw = await connectRaw(hub, { deviceId: "board-1", clean: false });
    raw.client.subscribe("devices/board-2/messages/devicebound/#");
    await raw.closed();
    const again = await connectRaw(hub, { deviceId: "board-1", clean: false });
    expect(again.sessionPresent).toBe(false);
  });

  it("are required: nothing is sent without, and nothing is stored for later", async () => {
    const hub = await startHub();
    const raw = await connectRaw(hub, { deviceId: "board-1" });
    const other = await connectRaw(hub, { deviceId: "board-2" });
    await other.client.subscribeAsync(DESIRED);
    await patchDesired(hub, "board-1", { a: 1 });
    await raw.client.subscribeAsync(DESIRED);
    await patchDesired(hub, "board-1", { a: 2 });
    await patchDesired(hub, "board-2", { b: 1 });
    expect((await raw.next("$iothub/")).payload).toBe('{"a":2,"$version":3}');
    expect((await other.next("$iothub/")).payload).toBe('{"b":1,"$version":2}');
    expect([...raw.received, ...other.received]).toEqual([]);
  });

  it("end with UNSUBSCRIBE", async () => {
    const hub = await startHub();
    const raw = await connectRaw(hub, { deviceId: "board-1" });
    await raw.client.subscribeAsync(METHODS);
    await raw.client.unsubscribeAsync(METHODS);
    const answer = await callHub(hub, {
      method: "POST",
      path: `/twins/board-1/methods?${VERSION}`,
      body: '{"methodName":"reboot"}',
    });
    expect(answer.headers["iothub-errorcode"]).toBe("DeviceNotOnline");
  });
});

describe("telemetry", () => {
  it("is stored with its properties, in order, for devices and modules", async () => {
    const hub = await startHub();
    const device = await connectRaw(hub, { deviceId: "board-1" });
    const module = await connectRaw(hub, { deviceId: "board-1", moduleId: "agent" });
    await device.client.publishAsync(
      "devices/board-1/messages/events/%24.ct=application%2Fjson&alert=true",
      '{"t":21}',
      { qos: 1 },
    );
    await module.client.publishAsync("devices/board-1/modules/agent/messages/events/", Buffer.from([0xff, 0]), {
      qos: 1,
    });
    await device.client.publishAsync("devices/board-1/messages/events/", "kept", { qos: 1, retain: true });
    const kept = await events(hub);
    expect(kept).toMatchObject([
      {
        sequenceNumber: 1,
        deviceId: "board-1",
        systemProperties: { "content-type": "application/json" },
        properties: { alert: "true" },
        body: '{"t":21}',
      },
      { sequenceNumber: 2, deviceId: "board-1", moduleId: "agent", bodyBase64: "/wA=" },
      { sequenceNumber: 3, properties: { "mqtt-retain": "true" }, body: "kept" },
    ]);
  });

  it("holds the will of a device that disconnected without DISCONNECT", async () => {
    const hub = await startHub();
    const will = {
      topic: "devices/board-1/messages/events/reason=lost",
      payload: Buffer.from("gone"),
      qos: 1 as const,
      retain: false,
    };
    const raw = await connectRaw(hub, { deviceId: "board-1", will });
    raw.client.stream.destroy();
    await expect
      .poll(() => events(hub))
      .toMatchObject([{ properties: { reason: "lost", "iothub-MessageType": "Will" }, body: "gone" }]);
  });

  it("does not hold the will of one that sent DISCONNECT", async () => {
    const hub = await startHub();
    const will = {
      topic: "devices/board-1/messages/events/",
      payload: Buffer.from("gone"),
      qos: 1 as const,
      retain: false,
    };
    const raw = await connectRaw(hub, { deviceId: "board-1", will });
    await raw.client.endAsync();
    await expect.poll(() => twinText(hub)).toContain('"connectionState":"Disconnected"');
    expect(await events(hub)).toEqual([]);
  });
});

describe("a report", () => {
  it("based on another version is rejected", async () => {
    const raw = await connectRaw(await startHub(), { deviceId: "board-1" });
    await raw.client.subscribeAsync("$iothub/twin/res/#");
    raw.client.publish("$iothub/twin/PATCH/properties/reported/?$rid=1&$version=1", '{"a":1}');
    expect((await raw.next("$iothub/twin/res/204/?$rid=1")).topic).toBe("$iothub/twin/res/204/?$rid=1&$version=2");
    raw.client.publish("$iothub/twin/PATCH/properties/reported/?$rid=2&$version=1", '{"a":2}');
    expect((await raw.next("$iothub/twin/res/")).topic).toBe("$iothub/twin/res/412/?$rid=2");
  });

  it("in a burst is answered in order, each with its version", async () => {
    const raw = await connectRaw(await startHub(), { deviceId: "board-1" });
    await raw.client.subscribeAsync("$iothub/twin/res/#");
    for (let n = 1; n <= 20; n += 1) {
      raw.client.publish(`$iothub/twin/PATCH/properties/reported/?$rid=${n}`, JSON.stringify({ n }));
    }
    const topics: string[] = [];
    for (let n = 1; n <= 20; n += 1) topics.push((await raw.next("$iothub/twin/res/")).topic);
    expect(topics).toEqual(
      Array.from({ length: 20 }, (_, i) => `$iothub/twin/res/204/?$rid=${i + 1}&$version=${i + 2}`),
    );
  });
});
