import type { Twin } from "azure-iothub";
import type { Json } from "../../agent/contract/json.ts";
import type { MethodReply } from "../../agent/contract/method-reply.ts";
import type { LocalHub } from "../../service-tools/local-hub/options.ts";
import { serviceClients } from "./azure-sdk.ts";
import type { ServiceClients } from "./azure-sdk.ts";
import { at } from "./paths.ts";

/** A service application that uses Microsoft's service SDK for one board. */
export class ServiceApp {
  readonly #clients: ServiceClients;
  readonly #deviceId: string;
  readonly #moduleId: string | undefined;

  constructor(hub: LocalHub, deviceId = "board-1", moduleId?: string) {
    this.#clients = serviceClients(hub);
    this.#deviceId = deviceId;
    this.#moduleId = moduleId;
  }

  /** Calls a direct method; waits until the board is connected. */
  async callMethod(methodName: string, payload?: unknown, responseTimeoutInSeconds = 30): Promise<MethodReply> {
    const { client } = this.#clients;
    const params = { methodName, payload, connectTimeoutInSeconds: responseTimeoutInSeconds, responseTimeoutInSeconds };
    const { result } =
      this.#moduleId === undefined
        ? await client.invokeDeviceMethod(this.#deviceId, params)
        : await client.invokeDeviceMethod(this.#deviceId, this.#moduleId, params);
    return result;
  }

  async twin(): Promise<Twin> {
    const { registry } = this.#clients;
    const { responseBody } =
      this.#moduleId === undefined
        ? await registry.getTwin(this.#deviceId)
        : await registry.getModuleTwin(this.#deviceId, this.#moduleId);
    return responseBody;
  }

  async setDesired(desired: object): Promise<void> {
    await (await this.twin()).update({ properties: { desired } });
  }

  /** A reported property by its path; undefined if absent. */
  async reported(path: string): Promise<Json | undefined> {
    return at((await this.twin()).properties.reported, path);
  }

  /** Reads the twin until a reported property has the value or passes the test. Returns the reported properties. */
  async untilReported(
    path: string,
    test: Json | ((value: Json | undefined) => boolean),
  ): Promise<Twin["properties"]["reported"]> {
    for (;;) {
      const { reported } = (await this.twin()).properties;
      const value = at(reported, path);
      if (typeof test === "function" ? test(value) : value === test) return reported;
    }
  }
}
