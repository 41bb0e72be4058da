import type { Twin } from "azure-iothub";
import type { Json } from "../../agent/contract/json.ts";
import type { MethodReply } from "../../agent/contract/methods.ts";
import type { LocalHub } from "../../service-tools/local-hub/options.ts";
import { serviceClients } from "./azure-sdk.ts";
import type { ServiceClients } from "./azure-sdk.ts";
import { at } from "./paths.ts";

/** A service app's view of one board: the unmodified service SDK, and the words to say what a test waits for. */
export class ServiceView {
  readonly #clients: ServiceClients;
  readonly #deviceId: string;
  readonly #moduleId: string | undefined;

  constructor(hub: LocalHub, deviceId = "board-1", moduleId?: string) {
    this.#clients = serviceClients(hub);
    this.#deviceId = deviceId;
    this.#moduleId = moduleId;
  }

  /** Calls a direct method, waiting for the board to be connected. */
  async call(methodName: string, payload?: unknown, responseTimeoutInSeconds = 30): Promise<MethodReply> {
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

  /** A value in the reported properties, by its path; undefined where there is none. */
  async reported(path: string): Promise<Json | undefined> {
    return at((await this.twin()).properties.reported, path);
  }

  /** Asks for the twin until a reported value meets a test; resolves with the reported properties of that moment. */
  async until(
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
