import type { Twin } from "azure-iot-device";
import { describe, expect, it } from "vitest";
import type { LocalHub } from "../../../service-tools/local-hub/options.ts";
import { desiredNotifications, methodExchanges, twinExchanges } from "../../fixtures/wire/mqtt.ts";
import type { DesiredNotification, MethodExchange, TwinExchange } from "../../fixtures/wire/mqtt.ts";
import { connectSdk, nextDesired, onMethod } from "../../support/azure-sdk.ts";
import { testHub } from "../../support/local-hub.ts";
import { callHub } from "../../support/raw-https.ts";
import type { RawAnswer } from "../../support/raw-https.ts";
import { connectRaw } from "../../support/raw-mqtt.ts";
import type { RawMqtt } from "../../support/raw-mqtt.ts";
import { templatePattern, templateMatcher } from "../../support/wire-template.ts";

interface Side {
  readonly who: string;
  readonly moduleId?: string;
  readonly webSockets: boolean;
}

const sides: Side[] = [
  { who: "a device over MQTT", webSockets: false },
  { who: "a device over WebSockets", webSockets: true },
  { who: "a module over MQTT", webSockets: false, moduleId: "agent" },
];

async function startHub(): Promise<LocalHub> {
  const hub = await testHub();
  await hub.addDevice("board-1");
  await hub.addModule("board-1", "agent");
  for (const path of ["/twins/board-1", "/twins/board-1/modules/agent"]) {
    await callHub(hub, {
      method: "PATCH",
      path: `${path}?api-version=2021-04-12`,
      body: '{"properties":{"desired":{"interval":5}}}',
    });
  }
  return hub;
}

function twinPath({ moduleId }: { moduleId?: string }): string {
  return moduleId === undefined ? "/twins/board-1" : `/twins/board-1/modules/${moduleId}`;
}

async function write(
  hub: LocalHub,
  side: { moduleId?: string },
  { write: written }: DesiredNotification,
): Promise<void> {
  await callHub(hub, { ...written, path: `${twinPath(side)}?api-version=2021-04-12` });
}

async function invoke(hub: LocalHub, side: { moduleId?: string }, body: string): Promise<RawAnswer> {
  return callHub(hub, { method: "POST", path: `${twinPath(side)}/methods?api-version=2021-04-12`, body });
}

describe.each(sides)("without an SDK, $who", (side) => {
  async function connected(filter: string): Promise<{ hub: LocalHub; raw: RawMqtt }> {
    const hub = await startHub();
    const raw = await connectRaw(hub, { deviceId: "board-1", ...side });
    await raw.client.subscribeAsync(filter);
    return { hub, raw };
  }

  it.each(Object.entries<TwinExchange>(twinExchanges))("twin: %s", async (_name, { publish, answer }) => {
    const { raw } = await connected("$iothub/twin/res/#");
    raw.client.publish(publish.topic, publish.payload);
    const received = await raw.next("$iothub/twin/res/");
    expect(received.topic).toMatch(templatePattern(answer.topic));
    expect(received.payload).toMatch(templatePattern(answer.payload));
    expect([received.qos, received.retain]).toEqual([0, false]);
  });

  it.each(Object.entries<DesiredNotification>(desiredNotifications))("desired: %s", async (_name, notification) => {
    const { hub, raw } = await connected("$iothub/twin/PATCH/properties/desired/#");
    await write(hub, side, notification);
    const received = await raw.next("$iothub/twin/PATCH/");
    expect(received.topic).toMatch(templatePattern(notification.notified.topic));
    expect(received.payload).toMatch(templatePattern(notification.notified.payload));
  });

  it.each(Object.entries<MethodExchange>(methodExchanges))("method: %s", async (_name, exchange) => {
    const { hub, raw } = await connected("$iothub/methods/POST/#");
    const response = invoke(hub, side, exchange.request);
    const asked = await raw.next("$iothub/methods/POST/");
    expect(asked.topic).toMatch(templatePattern(exchange.asked.topic));
    expect(asked.payload).toMatch(templatePattern(exchange.asked.payload));
    const requestId = asked.topic.split("$rid=")[1];
    raw.client.publish(`$iothub/methods/res/${exchange.answer.status}/?$rid=${requestId}`, exchange.answer.payload);
    expect((await response).body).toMatch(templatePattern(exchange.response));
  });
});

/** What the SDK makes of the hub's answer to a report: nothing, or its message. */
async function report(twin: Twin, payload: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    twin.properties.reported["update"](JSON.parse(payload), (error?: Error) => resolve(error?.message));
  });
}

describe.each(sides)("through azure-iot-device, $who", (side) => {
  async function connected(): Promise<{ hub: LocalHub; twin: Twin; device: Awaited<ReturnType<typeof connectSdk>> }> {
    const hub = await startHub();
    const device = await connectSdk(hub, side.webSockets ? "WebSockets" : "MQTT", "board-1", side.moduleId);
    return { hub, device, twin: await device.getTwin() };
  }

  it("twin: the twin is read", async () => {
    const { twin } = await connected();
    expect(JSON.parse(JSON.stringify(twin.properties))).toEqual(
      JSON.parse(twinExchanges["the twin is read"].answer.payload),
    );
  });

  it("twin: properties are reported", async () => {
    const { hub, twin } = await connected();
    const { publish } = twinExchanges["properties are reported"];
    expect(await report(twin, publish.payload)).toBeUndefined();
    const { body } = await callHub(hub, { method: "GET", path: `${twinPath(side)}?api-version=2021-04-12` });
    expect(body).toContain('"reported":{"telemetrySendFrequency":"35m","batteryLevel":60,"$metadata":');
  });

  it.each(["a reported name is not allowed", "too much is reported"] as const)("twin: %s", async (name) => {
    const { twin } = await connected();
    const { publish, answer } = twinExchanges[name];
    expect(templateMatcher(answer.payload)).toMatchObject({ message: await report(twin, publish.payload) });
  });

  it("desired: a patch, nulls included", async () => {
    const { hub, twin, device } = await connected();
    const notification = desiredNotifications["a patch, nulls included"];
    const notified = nextDesired(twin, "telemetrySendFrequency");
    // The answer to this comes after the subscription that the listener has caused: the connection keeps the order.
    await device.getTwin();
    await write(hub, side, notification);
    expect(await notified).toEqual(JSON.parse(notification.notified.payload));
  });

  it.each(["with an object", "with a string that holds JSON", "with null"] as const)("method: %s", async (name) => {
    const { hub, device } = await connected();
    const { request, asked, answer, response } = methodExchanges[name];
    onMethod(device, "echo", (called, reply) => {
      expect(JSON.stringify(called.payload)).toBe(asked.payload);
      void reply.send(answer.status, JSON.parse(answer.payload));
    });
    const waiting = request.replace(/\}$/, ',"connectTimeoutInSeconds":10}');
    expect((await invoke(hub, side, waiting)).body).toMatch(templatePattern(response));
  });
});
