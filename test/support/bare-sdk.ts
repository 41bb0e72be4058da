import { Client } from "azure-iot-device";
import type { Twin } from "azure-iot-device";
import { Mqtt } from "azure-iot-device-mqtt";
import { expect, onTestFinished } from "vitest";
import type { LocalHub, LocalHubOptions } from "../../service-tools/local-hub/options.ts";
import { testHub } from "./local-hub.ts";
import { callHub } from "./raw-https.ts";
import type { RawAnswer } from "./raw-https.ts";

/** A device that is nothing but azure-iot-device with its own retry policy, and what it has reported to its user. */
export interface BareDevice {
  readonly client: Client;
  /** Of `connect`, `disconnect` and `error`, in their order. */
  readonly events: string[];
}

export interface BareOptions {
  /** The SDK's default is 180. */
  readonly keepaliveS?: number;
  readonly client?: Client;
}

/** Not opened yet. */
export async function bareDevice(hub: LocalHub, deviceId: string, options: BareOptions = {}): Promise<BareDevice> {
  const { keepaliveS } = options;
  const client = options.client ?? Client.fromConnectionString(hub.deviceConnectionString(deviceId), Mqtt);
  await client.setOptions({ ca: hub.ca, ...(keepaliveS === undefined ? {} : { keepalive: keepaliveS }) });
  const events: string[] = [];
  for (const name of ["connect", "disconnect", "error"]) client.on(name, () => events.push(name));
  onTestFinished(async () => {
    // What it still has in mind to try again is of no use to anybody after the test.
    const policy: object = Reflect.get(client, "_retryPolicy");
    Reflect.set(policy, "shouldRetry", () => false);
    await Promise.race([client.close().catch(() => undefined), new Promise((resolve) => setImmediate(resolve))]);
  });
  return { client, events };
}

/** Connected. */
export async function openBare(hub: LocalHub, deviceId: string, options: BareOptions = {}): Promise<BareDevice> {
  const device = await bareDevice(hub, deviceId, options);
  await device.client.open();
  return device;
}

/** Lets it answer the method `go`. Resolves when the hub knows. */
export async function listenForMethods(hub: LocalHub, { client }: BareDevice, deviceId: string): Promise<void> {
  client.onDeviceMethod("go", (_request, response) => void response.send(200, {}));
  expect((await invoke(hub, deviceId, "go", 30)).status).toBe(200);
}

/** The notifications of desired properties that it gets from here on. Resolves when the hub knows that it listens. */
export async function listenForDesired({ client }: BareDevice): Promise<{ twin: Twin; notifications: object[] }> {
  const twin = await client.getTwin();
  const notifications: object[] = [];
  // The SDK emits the whole document first.
  await new Promise<void>((resolve) => twin.once("properties.desired", () => resolve()));
  twin.on("properties.desired", (delta: object) => notifications.push(delta));
  // The answer to this comes after the subscription that the listener has caused.
  await client.getTwin();
  notifications.length = 0;
  return { twin, notifications };
}

export async function invoke(
  hub: LocalHub,
  deviceId: string,
  methodName: string,
  connectTimeoutInSeconds = 0,
): Promise<RawAnswer> {
  const body = JSON.stringify({ methodName, payload: {}, connectTimeoutInSeconds });
  return callHub(hub, { method: "POST", path: `/twins/${deviceId}/methods?${VERSION}`, body });
}

export async function desire(hub: LocalHub, deviceId: string, desired: object): Promise<void> {
  const body = JSON.stringify({ properties: { desired } });
  await callHub(hub, { method: "PATCH", path: `/twins/${deviceId}?${VERSION}`, body });
}

export async function isConnected(hub: LocalHub, deviceId: string): Promise<boolean> {
  const { body } = await callHub(hub, { method: "GET", path: `/devices/${deviceId}?${VERSION}` });
  return body.includes('"connectionState":"Connected"');
}

const VERSION = "api-version=2021-04-12";

/** A hub that counts how often each device came. */
export async function countingHub(
  options: Partial<LocalHubOptions> = {},
): Promise<{ hub: LocalHub; arrivals: (deviceId: string) => number }> {
  const arrived: string[] = [];
  const log: LocalHubOptions["log"] = ({ message, ...fields }) => {
    if (message === "connected") arrived.push(String(Reflect.get(fields, "target")));
  };
  const hub = await testHub({ log, ...options });
  await hub.addDevice("board-1");
  await hub.addDevice("board-2");
  return { hub, arrivals: (deviceId) => arrived.filter((one) => one === deviceId).length };
}
