import { Client as DeviceClient, ModuleClient } from "azure-iot-device";
import type { DeviceMethodRequest, DeviceMethodResponse, Twin as DeviceTwin } from "azure-iot-device";
import { Mqtt, MqttWs } from "azure-iot-device-mqtt";
import { Client as ServiceClient, Registry } from "azure-iothub";
import { onTestFinished } from "vitest";
import type { LocalHub } from "../../service-tools/local-hub/options.ts";

export type Transport = "MQTT" | "WebSockets";

/** A test wants the first answer, not the last of many. */
const neverRetry = { shouldRetry: () => false, nextRetryTimeout: () => 0 };

/** azure-iothub takes no port in HostName, so its requests go to `localhost` through an agent that knows the port. */
export interface ServiceClients {
  readonly registry: Registry;
  readonly client: ServiceClient;
}

interface RestApiClient {
  setOptions(options: object): void;
}

/** The unmodified service SDK, speaking to this hub. */
export function serviceClients(hub: LocalHub, connectionString = hub.serviceConnectionString()): ServiceClients {
  const withoutPort = connectionString.replace(/HostName=([^;:]+):\d+/, "HostName=$1");
  const agent = hub.httpsAgent();
  onTestFinished(() => agent.destroy());
  const registry = Registry.fromConnectionString(withoutPort);
  const client = ServiceClient.fromConnectionString(withoutPort);
  client.setRetryPolicy(neverRetry);
  for (const one of [registry, client]) {
    const rest: RestApiClient = Reflect.get(one, "_restApiClient");
    rest.setOptions({ http: { agent } });
  }
  return { registry, client };
}

/** The unmodified device SDK, connected as a device or as a module. */
export type ConnectedClient = DeviceClient | ModuleClient;

export async function connectSdk(
  hub: LocalHub,
  transport: Transport,
  deviceId: string,
  moduleId?: string,
): Promise<ConnectedClient> {
  const client = await sdkClient(hub, transport, deviceId, moduleId);
  await client.open();
  onTestFinished(async () => {
    await client.close().catch(() => undefined);
  });
  return client;
}

/** The same, not opened yet. */
async function sdkClient(
  hub: LocalHub,
  transport: Transport,
  deviceId: string,
  moduleId?: string,
): Promise<ConnectedClient> {
  const connectionString = hostFor(hub.deviceConnectionString(deviceId, moduleId), transport);
  const protocol = transport === "MQTT" ? Mqtt : MqttWs;
  const client =
    moduleId === undefined
      ? DeviceClient.fromConnectionString(connectionString, protocol)
      : ModuleClient.fromConnectionString(connectionString, protocol);
  client.setRetryPolicy(neverRetry);
  await client.setOptions({
    ca: hub.ca,
    ...(transport === "MQTT" ? {} : { mqtt: { webSocketAgent: hub.httpsAgent() } }),
  });
  return client;
}

/** Devices and modules name it differently. */
export function onMethod(
  client: ConnectedClient,
  name: string,
  handler: (request: DeviceMethodRequest, response: DeviceMethodResponse) => void,
): void {
  const called = (request?: DeviceMethodRequest, response?: DeviceMethodResponse): void => {
    if (request !== undefined && response !== undefined) handler(request, response);
  };
  if (client instanceof DeviceClient) client.onDeviceMethod(name, called);
  else client.onMethod(name, called);
}

/**
 * The next change of desired properties that names this one. Setting a listener makes the SDK emit the whole document first, so what
 * does not name it, or has it already, is passed over.
 */
export async function nextDesired(twin: DeviceTwin, property: string): Promise<object> {
  return new Promise((resolve) => {
    twin.on("properties.desired", (delta: object) => {
      if (property in delta) resolve(delta);
    });
  });
}

/** Over WebSockets the SDK adds `:443` to the host name, so a port in it makes a broken URL. */
function hostFor(connectionString: string, transport: Transport): string {
  return transport === "MQTT" ? connectionString : connectionString.replace(/HostName=([^;:]+):\d+/, "HostName=$1");
}
