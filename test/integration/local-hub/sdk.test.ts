import { Message } from "azure-iot-device";
import type { Twin } from "azure-iothub";
import { describe, expect, it } from "vitest";
import { connectSdk, nextDesired, onMethod, serviceClients } from "../../support/azure-sdk.ts";
import type { ConnectedClient, ServiceClients, Transport } from "../../support/azure-sdk.ts";
import { testHub } from "../../support/local-hub.ts";

interface Side {
  readonly who: string;
  readonly transport: Transport;
  readonly moduleId?: string;
}

const sides: Side[] = [
  { who: "a device", transport: "MQTT" },
  { who: "a device", transport: "WebSockets" },
  { who: "a module", transport: "MQTT", moduleId: "agent" },
  { who: "a module", transport: "WebSockets", moduleId: "agent" },
];

describe.each(sides)("the Azure SDKs, as $who over $transport", ({ transport, moduleId }) => {
  async function connected(): Promise<{ device: ConnectedClient; service: ServiceClients }> {
    const hub = await testHub();
    await hub.addDevice("board-1");
    if (moduleId !== undefined) await hub.addModule("board-1", moduleId);
    return { device: await connectSdk(hub, transport, "board-1", moduleId), service: serviceClients(hub) };
  }

  async function twinOf({ registry }: ServiceClients): Promise<Twin> {
    const { responseBody } =
      moduleId === undefined ? await registry.getTwin("board-1") : await registry.getModuleTwin("board-1", moduleId);
    return responseBody;
  }

  it("answer a direct method", async () => {
    const { device, service } = await connected();
    onMethod(device, "echo", (request, response) => void response.send(201, { got: request.payload }));
    // The SDK does not say when it has subscribed: the connect timeout waits for it.
    const call = { methodName: "echo", payload: { a: [1, null] }, connectTimeoutInSeconds: 5 };
    const { result } = await (moduleId === undefined
      ? service.client.invokeDeviceMethod("board-1", call)
      : service.client.invokeDeviceMethod("board-1", moduleId, call));
    expect(result).toEqual({ status: 201, payload: { got: { a: [1, null] } } });
  });

  it("exchange twins", async () => {
    const { device, service } = await connected();
    const twin = await device.getTwin();
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: Error): void => (error ? reject(error) : resolve());
      twin.properties.reported["update"]({ firmware: { version: "1" } }, settle);
    });
    const seen = await twinOf(service);
    expect(seen.properties.reported["firmware"]).toEqual({ version: "1" });
    const changed = nextDesired(twin, "interval");
    // The answer to this comes after the subscription that the listener has caused.
    await device.getTwin();
    await seen.update({ properties: { desired: { interval: 5 } } });
    expect(await changed).toEqual({ interval: 5, $version: 2 });
  });

  it("send telemetry", async () => {
    const { device } = await connected();
    await expect(device.sendEvent(new Message("21.5"))).resolves.toBeDefined();
  });
});
