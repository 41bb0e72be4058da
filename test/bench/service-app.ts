import type { Client, Device, Registry, Twin } from "azure-iothub";
import iothub from "azure-iothub"; // CommonJS whose names Node cannot see from outside.
import type { LocalHub } from "../../service-tools/local-hub/options.ts";

/** A service app of one device: the service SDK as it is, pointed at the local hub. */
export class ServiceApp {
  readonly #registry: Registry;
  readonly #client: Client;
  readonly #deviceId: string;

  constructor(hub: LocalHub, deviceId: string) {
    const text = hub.serviceConnectionString().replace(/HostName=([^;:]+):\d+/, "HostName=$1");
    this.#registry = iothub.Registry.fromConnectionString(text);
    this.#client = iothub.Client.fromConnectionString(text);
    this.#deviceId = deviceId;
    const agent = hub.httpsAgent();
    for (const one of [this.#registry, this.#client])
      Reflect.get(one, "_restApiClient").setOptions({ http: { agent } });
  }

  /** The payload of the answer; waits for a device that is about to connect, and rejects when the status is not 200. */
  async call(methodName: string, payload: unknown = null): Promise<Record<string, unknown>> {
    const params = { methodName, payload, connectTimeoutInSeconds: 30, responseTimeoutInSeconds: 30 };
    const { result } = await this.#client.invokeDeviceMethod(this.#deviceId, params);
    if (result.status !== 200) throw new Error(`${methodName} was answered ${JSON.stringify(result)}`);
    return result.payload;
  }

  async reported(): Promise<Twin["properties"]["reported"]> {
    const { responseBody } = await this.#registry.getTwin(this.#deviceId);
    return responseBody.properties.reported;
  }

  /** When the hub has accepted its last connection, and heard of it last; in milliseconds, as Date says them. */
  async seen(): Promise<{ readonly connectedAtMs: number; readonly activeAtMs: number }> {
    const { connectionStateUpdatedTime, lastActivityTime } = await this.#identity();
    return {
      connectedAtMs: Date.parse(connectionStateUpdatedTime ?? ""),
      activeAtMs: Date.parse(lastActivityTime ?? ""),
    };
  }

  /** Resolves when the hub knows that it is not connected. */
  async untilGone(): Promise<void> {
    // IoT Hub says "Connected", the SDK's types "connected".
    while ((await this.#identity()).connectionState?.toLowerCase() === "connected") continue;
  }

  async #identity(): Promise<Device> {
    return (await this.#registry.get(this.#deviceId)).responseBody;
  }
}
