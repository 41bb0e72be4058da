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
  /** Ends a request under way; its reason is what the call then rejects with. */
  readonly interrupted: AbortSignal;
  readonly userAgent: string;
  readonly deadlines?: Partial<Deadlines>;
}

interface Deadlines {
  /** Of everything but methods. */
  readonly requestMs: number;
  /** How long the hub waits for a board that is just coming back, and then for its answer. */
  readonly methodConnectSeconds: number;
  readonly methodResponseSeconds: number;
}

const usualDeadlines: Deadlines = { requestMs: 15_000, methodConnectSeconds: 5, methodResponseSeconds: 30 };
/** The hub's own answer "it timed out" says more than our deadline: it gets the time to arrive. */
const methodGraceMs = 5_000;
const hourSeconds = 3_600;

/**
 * An IoT Hub through Microsoft's SDK. Its parts are used below `Client`, which repeats a method that failed for up to four
 * minutes: here one call is one request.
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
    this.#deadlines = { ...usualDeadlines, ...options.deadlines };
    const { port, ca } = login;
    // The SDK asks for 443 whatever the host name says; what the agent is told wins.
    this.#agent = new Agent({ keepAlive: true, port, ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }) });
  }

  createIdentity(target: Target): Promise<Identity> {
    const { deviceId, moduleId } = target;
    return this.#ask(target, async (registry) => {
      const { responseBody } =
        moduleId === undefined ? await registry.create({ deviceId }) : await registry.addModule({ deviceId, moduleId });
      return parseIdentity(responseBody, target);
    });
  }

  getIdentity(target: Target): Promise<Identity> {
    const { deviceId, moduleId } = target;
    return this.#ask(target, async (registry) => {
      const { responseBody } =
        moduleId === undefined ? await registry.get(deviceId) : await registry.getModule(deviceId, moduleId);
      return parseIdentity(responseBody, target);
    });
  }

  removeIdentity(target: Target): Promise<void> {
    const { deviceId, moduleId } = target;
    return this.#ask(target, async (registry) => {
      await (moduleId === undefined ? registry.delete(deviceId) : registry.removeModule(deviceId, moduleId));
    });
  }

  getTwin(target: Target): Promise<JsonObject> {
    const { deviceId, moduleId } = target;
    return this.#ask(target, async (registry) => {
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
    return this.#ask(target, async (registry) => {
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
      continuation = await this.#ask(undefined, async (registry) => {
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
    return this.#translated(target, async () => {
      // The SDK names the parts of the pair after what its callback is given elsewhere: `device` holds the answer.
      const { device: answer } =
        moduleId === undefined ? await method.invokeOn(deviceId) : await method.invokeOnModule(deviceId, moduleId);
      return parseMethodReply(answer);
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  async #ask<T>(target: Target | undefined, ask: (registry: Registry) => Promise<T>): Promise<T> {
    const rest = this.#rest(this.#deadlines.requestMs);
    const once = <A>(about: Target | undefined, act: (registry: Registry) => Promise<A>): Promise<A> =>
      this.#translated(about, () => act(new Registry(this.#access(), rest)));
    try {
      return await once(target, ask);
    } catch (cause) {
      const mayBeTheDevice = cause instanceof AuthenticationFailed || cause instanceof UnknownDevice;
      if (!mayBeTheDevice || target?.moduleId === undefined) throw cause;
      // IoT Hub answers 401 about a module where it is the device that is not there: the login is not to blame.
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

  async #translated<T>(target: Target | undefined, act: () => Promise<T>): Promise<T> {
    // Nothing is asked after Ctrl-C: it may have come while a file was being published.
    this.#options.interrupted.throwIfAborted();
    try {
      return await act();
    } catch (cause) {
      this.#options.interrupted.throwIfAborted();
      throw toCommandError(classifySdkError(cause), { address: this.address, target }, cause);
    }
  }
}
