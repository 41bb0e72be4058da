import { describe, expect, it } from "vitest";
import type { LocalHub } from "../../../service-tools/local-hub/options.ts";
import { hubWith, testHub } from "../../support/local-hub.ts";
import { apiVersion, callRest, callHub } from "../../support/raw-https.ts";
import { connectRaw } from "../../support/raw-mqtt.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const METHODS = "$iothub/methods/POST/#";
const DESIRED = "$iothub/twin/PATCH/properties/desired/#";

const startHub = async (): Promise<LocalHub> => hubWith(["board-1", "board-2", "board-1/agent"]);

async function patchDesired(hub: LocalHub, deviceId: string, desired: object): Promise<void> {
  await callRest(hub, "PATCH", `/twins/${deviceId}`, { properties: { desired } });
}

async function twinText(hub: LocalHub, path = "/twins/board-1"): Promise<string> {
  return (await callRest(hub, "GET", path)).body;
}

/** Telemetry as the hub shows it. */
async function events(hub: LocalHub): Promise<object[]> {
  const { body } = await callHub(hub, { method: "GET", path: "/local-hub/events" });
  return body
    .split("\n")
    .filter((line) => line !== "")
    .map((line): object => JSON.parse(line));
}

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
      path: `/twins/board-1/methods?${apiVersion}`,
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
