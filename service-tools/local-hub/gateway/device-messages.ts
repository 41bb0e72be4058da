import type { Faults } from "../faults/faults.ts";
import { isoTime } from "../lib/clock.ts";
import type { Clock } from "../lib/clock.ts";
import { argumentInvalid, serverError, twinEtagMismatch } from "../lib/error-catalog.ts";
import { bareErrorBody, failure, httpStatus } from "../lib/error-response.ts";
import type { ErrorResponse, Result, Tracking } from "../lib/error-response.ts";
import { parseJson } from "../lib/json.ts";
import { describeError } from "../lib/log.ts";
import type { Log } from "../lib/log.ts";
import { targetName } from "../lib/target.ts";
import type { Target } from "../lib/target.ts";
import type { MethodCalls } from "../methods/calls.ts";
import type { Registry } from "../registry/registry.ts";
import type { TelemetryStore } from "../telemetry/store.ts";
import { deviceView, patchByDevice } from "../twins/twin.ts";
import type { Twin, TwinWrite } from "../twins/twin.ts";
import { DesiredDelivery } from "./desired-delivery.ts";
import type { ConnectionListener, DeviceConnections, DevicePublish } from "./device-connections.ts";
import { messageFault, requestedFaults } from "./device-faults.ts";
import { TWIN_RESPONSES_FILTER, parseTopic, twinResponseTopic } from "./topics.ts";
import type { DeviceMessage } from "./topics.ts";

interface DeviceMessagesDeps {
  readonly connections: DeviceConnections;
  readonly registry: Registry;
  readonly methods: MethodCalls;
  readonly telemetry: TelemetryStore;
  readonly clock: Clock;
  readonly faults: Faults;
  readonly hubName: string;
  readonly tracking: () => Tracking;
  readonly log: Log;
}

/** Sends the response to a device's request. */
type Respond = (topic: string, payload: string) => void;

/** Handles the messages of devices and modules over MQTT, and sends them notifications of desired properties. */
export class DeviceMessages implements ConnectionListener {
  readonly #deps: DeviceMessagesDeps;
  readonly #desired: DesiredDelivery;

  constructor(deps: DeviceMessagesDeps) {
    this.#deps = deps;
    this.#desired = new DesiredDelivery(deps.connections, deps.faults, deps.clock);
  }

  connected(target: Target): void {
    this.#noteActivity(target);
  }

  reachable(target: Target): void {
    this.#deps.methods.deviceReachable(target);
  }

  disconnected(target: Target): void {
    this.#noteActivity(target);
    this.#deps.methods.deviceDisconnected(target);
  }

  async message(target: Target, publish: DevicePublish): Promise<void> {
    const message = parseTopic(publish.topic, target);
    if (message === undefined) throw new Error(`it may not publish to '${publish.topic}'`);
    const { clock, registry, connections, faults, hubName } = this.#deps;
    await registry.noteActivity(target, { lastActivityTime: isoTime(clock.nowMs()) }, false);
    const fault = messageFault(faults, message, connections.location(target), hubName);
    switch (fault.kind) {
      case "none":
        return this.#execute(target, message, publish, (topic, payload) => this.#respond(target, topic, payload));
      case "unanswered":
        return this.#execute(target, message, publish, () => undefined);
      case "late":
        return this.#execute(target, message, publish, (topic, payload) => {
          clock.after(fault.delayMs, () => this.#respond(target, topic, payload));
        });
      case "closed":
        throw new Error(fault.why);
      case "refused":
        return this.#respondWithFault(target, message, fault.response, fault.empty);
      case "lost":
    }
  }

  /** Notifies the target of a write by the service, if it changed desired properties. */
  notifyDesired(target: Target, { twin, notification }: TwinWrite): void {
    if (notification !== undefined) this.#desired.notify(target, twin.desired.version, JSON.stringify(notification));
  }

  async #execute(target: Target, message: DeviceMessage, publish: DevicePublish, respond: Respond): Promise<void> {
    const { methods, telemetry, faults } = this.#deps;
    switch (message.kind) {
      case "telemetry":
        await telemetry.add(target, message.properties, publish);
        for (const { name, parameters, options } of requestedFaults(message.properties, target)) {
          faults.addUntyped(name, parameters, options);
        }
        return undefined;
      case "methodResponse":
        return methods.handleResponse(target, message.requestId, message.status, publish.payload);
      case "getTwin":
        return this.#respondWithTwin(target, message.requestId, respond);
      case "patchReported":
        return this.#patchReported(target, message, publish.payload, respond);
    }
  }

  #respondWithFault(target: Target, message: DeviceMessage, response: ErrorResponse, empty: boolean): void {
    if (!("requestId" in message)) return;
    this.#respondWithError(message.requestId, response, (topic, body) =>
      this.#respond(target, topic, empty ? "" : body),
    );
  }

  #respondWithTwin(target: Target, requestId: string, respond: Respond): void {
    const known = this.#deps.registry.find(target);
    if (known !== undefined) respond(twinResponseTopic(200, requestId), JSON.stringify(deviceView(known.twin)));
  }

  async #patchReported(
    target: Target,
    { requestId, baseVersion }: { readonly requestId: string; readonly baseVersion?: number },
    payload: Buffer,
    respond: Respond,
  ): Promise<void> {
    const { registry, clock, log } = this.#deps;
    const known = registry.find(target);
    if (known === undefined) return;
    const result = this.#applyPatch(target, known.twin, baseVersion, payload, isoTime(clock.nowMs()));
    if (!result.ok) {
      this.#respondWithError(requestId, result.error, respond);
      return;
    }
    try {
      await registry.writeTwin(target, result.value);
    } catch (error) {
      log({ level: "error", message: "twin not written", target: targetName(target), why: describeError(error) });
      this.#respondWithError(requestId, serverError(describeError(error)), respond);
      return;
    }
    respond(twinResponseTopic(204, requestId, result.value.reported.version), "");
  }

  #applyPatch(target: Target, twin: Twin, baseVersion: number | undefined, payload: Buffer, at: string): Result<Twin> {
    if (baseVersion !== undefined && baseVersion !== twin.reported.version) {
      return failure(twinEtagMismatch(target.deviceId));
    }
    const patch = parseJson(payload.toString());
    if (patch === undefined) return failure(argumentInvalid("The reported properties are not valid JSON."));
    return patchByDevice(twin, patch, at);
  }

  #respondWithError(requestId: string, error: ErrorResponse, respond: Respond): void {
    respond(twinResponseTopic(httpStatus(error), requestId), bareErrorBody(error, this.#deps.tracking()));
  }

  #respond(target: Target, topic: string, payload: string): void {
    this.#deps.connections.send(target, (filter) => filter === TWIN_RESPONSES_FILTER, topic, payload);
  }

  #noteActivity(target: Target): void {
    const { registry, clock, log } = this.#deps;
    const now = isoTime(clock.nowMs());
    const activity = { connectionStateUpdatedTime: now, lastActivityTime: now };
    registry.noteActivity(target, activity, true).catch((error: unknown) => {
      log({ level: "error", message: "activity not written", target: targetName(target), why: describeError(error) });
    });
  }
}
