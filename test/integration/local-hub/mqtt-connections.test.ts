import { describe, expect, it } from "vitest";
import type { LocalHub } from "../../../service-tools/local-hub/options.ts";
import { serviceClients } from "../../support/azure-sdk.ts";
import { hubWith, testHub } from "../../support/local-hub.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { apiVersion, callRest, callHub, parts } from "../../support/raw-https.ts";
import { connectRaw, deviceToken } from "../../support/raw-mqtt.ts";
import type { RawConnect, RawMqtt } from "../../support/raw-mqtt.ts";
import { sasToken } from "../../support/sas-token.ts";

const METHODS = "$iothub/methods/POST/#";
const DESIRED = "$iothub/twin/PATCH/properties/desired/#";
const soonS = (): number => Math.ceil(Date.now() / 1000) + 600;

const startHub = async (): Promise<LocalHub> => hubWith(["board-1", "board-2", "board-1/agent"]);

async function put(hub: LocalHub, path: string, body: object): Promise<number> {
  return (await callRest(hub, "PUT", path, body, "*")).status;
}

async function patchDesired(hub: LocalHub, deviceId: string, desired: object): Promise<void> {
  await callRest(hub, "PATCH", `/twins/${deviceId}`, { properties: { desired } });
}

async function twinText(hub: LocalHub, path = "/twins/board-1"): Promise<string> {
  return (await callRest(hub, "GET", path)).body;
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
      options: () => ({ clientId: "board-9", username: `localhost/board-9/?${apiVersion}` }),
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
    username: `${host}/board-1/?${apiVersion}`,
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
