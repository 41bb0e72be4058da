import { Agent } from "node:https";
import { rootCertificates } from "node:tls";
import { RestApiClient } from "azure-iothub/dist/common-http/rest_api_client.js";
import { DeviceMethod } from "azure-iothub/dist/device_method.js";
import { Registry } from "azure-iothub/dist/registry.js";
import { create as createSignature } from "azure-iothub/dist/shared_access_signature.js";
import type { JsonObject } from "../../agent/contract/json.ts";
import { AuthenticationFailed, UnknownDevice } from "../cli/errors.ts";
import type { Login } from "./login.ts";
import { parseIdentity, parseMethodReply, parseQueryPage, parseTwin } from "./sdk-responses.ts";
import { DeadlineHttp, classifySdkError } from "./deadline-http.ts";
import type { HubAddress, HubClient, Identity, MethodReply, Target, TwinPatch } from "./hub-client.ts";
import { toCommandError } from "./hub-errors.ts";

export interface AzureHubClientOptions {
  /** Aborts the running request; the call then rejects with the reason of the signal. */
  readonly interrupted: AbortSignal;
  readonly userAgent: string;
  readonly deadlines?: Partial<Deadlines>;
}

interface Deadlines {
  /** For all requests except method calls. */
  readonly requestMs: number;
  /** How long the hub waits for the board to connect, and then for its reply. */
  readonly methodConnectSeconds: number;
  readonly methodResponseSeconds: number;
}

const defaultDeadlines: Deadlines = { requestMs: 15_000, methodConnectSeconds: 5, methodResponseSeconds: 30 };
/** Time for the hub's own timeout response to arrive: it says more than our deadline. */
const methodGraceMs = 5_000;
const hourSeconds = 3_600;

/**
 * An IoT Hub through Microsoft's SDK. It uses the classes below the SDK's `Client`, because that repeats a failed method call
 * for up to four minutes; here one call is one request.
 */
export class AzureHubClient implements HubClient {
  readonly address: HubAddress;
  readonly #login: Login;
  readonly #options: AzureHubClientOptions;
  readonly #deadlines: Deadlines;
  readonly #agent: Agent;

  constructor(login: Login, options: AzureHubClientOptions) {
    this.address = login.address;
    this.#login = login;
    this.#options = options;
    this.#deadlines = { ...defaultDeadlines, ...options.deadlines };
    const { port, ca } = login;
    // The SDK always asks for port 443; the agent's port wins.
    this.#agent = new Agent({ keepAlive: true, port, ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }) });
  }

  createIdentity(target: Target): Promise<Identity> {
    const { deviceId, moduleId } = target;
    return this.#request(target, async (registry) => {
      const { responseBody } =
        moduleId === undefined ? await registry.create({ deviceId }) : await registry.addModule({ deviceId, moduleId });
      return parseIdentity(responseBody, target);
    });
  }

  getIdentity(target: Target): Promise<Identity> {
    const { deviceId, moduleId } = target;
    return this.#request(target, async (registry) => {
      const { responseBody } =
        moduleId === undefined ? await registry.get(deviceId) : await registry.getModule(deviceId, moduleId);
      return parseIdentity(responseBody, target);
    });
  }

  removeIdentity(target: Target): Promise<void> {
    const { deviceId, moduleId } = target;
    return this.#request(target, async (registry) => {
      await (moduleId === undefined ? registry.delete(deviceId) : registry.removeModule(deviceId, moduleId));
    });
  }

  getTwin(target: Target): Promise<JsonObject> {
    const { deviceId, moduleId } = target;
    return this.#request(target, async (registry) => {
      const { responseBody } =
        moduleId === undefined ? await registry.getTwin(deviceId) : await registry.getModuleTwin(deviceId, moduleId);
      return parseTwin(responseBody);
    });
  }

  patchTwin(target: Target, { tags, desired }: TwinPatch): Promise<JsonObject> {
    const { deviceId, moduleId } = target;
    const patch = {
      ...(tags === undefined ? {} : { tags }),
      ...(desired === undefined ? {} : { properties: { desired } }),
    };
    return this.#request(target, async (registry) => {
      const { responseBody } =
        moduleId === undefined
          ? await registry.updateTwin(deviceId, patch, "*")
          : await registry.updateModuleTwin(deviceId, moduleId, patch, "*");
      return parseTwin(responseBody);
    });
  }

  async query(text: string): Promise<JsonObject[]> {
    const rows: JsonObject[] = [];
    let continuation = "";
    do {
      const asked = continuation;
      continuation = await this.#request(undefined, async (registry) => {
        const query = registry.createQuery(text);
        rows.push(...parseQueryPage((await query.next(asked)).result));
        return query.continuationToken ?? "";
      });
    } while (continuation !== "");
    return rows;
  }

  callMethod(target: Target, methodName: string, payload: JsonObject): Promise<MethodReply> {
    const { methodConnectSeconds, methodResponseSeconds } = this.#deadlines;
    const method = new DeviceMethod(
      {
        methodName,
        payload,
        connectTimeoutInSeconds: methodConnectSeconds,
        responseTimeoutInSeconds: methodResponseSeconds,
      },
      this.#rest((methodConnectSeconds + methodResponseSeconds) * 1_000 + methodGraceMs),
    );
    const { deviceId, moduleId } = target;
    return this.#withCommandErrors(target, async () => {
      // The SDK names the reply `device`.
      const { device: answer } =
        moduleId === undefined ? await method.invokeOn(deviceId) : await method.invokeOnModule(deviceId, moduleId);
      return parseMethodReply(answer);
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  async #request<T>(target: Target | undefined, send: (registry: Registry) => Promise<T>): Promise<T> {
    const rest = this.#rest(this.#deadlines.requestMs);
    const once = <A>(about: Target | undefined, act: (registry: Registry) => Promise<A>): Promise<A> =>
      this.#withCommandErrors(about, () => act(new Registry(this.#access(), rest)));
    try {
      return await once(target, send);
    } catch (cause) {
      const mayBeUnknownDevice = cause instanceof AuthenticationFailed || cause instanceof UnknownDevice;
      if (!mayBeUnknownDevice || target?.moduleId === undefined) throw cause;
      // For a module of an unknown device, IoT Hub answers 401, as if the login were wrong.
      const { deviceId } = target;
      const device = await once({ deviceId }, (registry) => registry.get(deviceId)).catch((second: unknown) => second);
      throw device instanceof UnknownDevice ? device : cause;
    }
  }

  #rest(deadlineMs: number): RestApiClient {
    const { userAgent, interrupted } = this.#options;
    return new RestApiClient(this.#access(), userAgent, new DeadlineHttp(this.#agent, deadlineMs, interrupted));
  }

  #access(): RestApiClient.TransportConfig & { readonly host: string } {
    const { host, keyName, key } = this.#login;
    const expiresAtSeconds = Math.floor(Date.now() / 1_000) + hourSeconds;
    return { host, sharedAccessSignature: createSignature(host, keyName, key, expiresAtSeconds) };
  }

  async #withCommandErrors<T>(target: Target | undefined, act: () => Promise<T>): Promise<T> {
    // Ctrl-C may have come before the request, while a file was being published.
    this.#options.interrupted.throwIfAborted();
    try {
      return await act();
    } catch (cause) {
      this.#options.interrupted.throwIfAborted();
      throw toCommandError(classifySdkError(cause), { address: this.address, target }, cause);
    }
  }
}
