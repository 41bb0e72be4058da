import { isoTime } from "../lib/clock.ts";
import type { Clock } from "../lib/clock.ts";
import { DesiredDelivery } from "./desired-delivery.ts";
import type { Faults } from "../faults/faults.ts";
import { requestedFaults } from "../faults/injected.ts";
import { messageFault } from "../faults/interference.ts";
import { targetName } from "../registry/ids.ts";
import type { Target } from "../registry/ids.ts";
import { parseJson } from "../lib/json.ts";
import { describeError } from "../lib/log.ts";
import type { Log } from "../lib/log.ts";
import type { MethodCalls } from "../methods/calls.ts";
import type { DeviceConnections, DevicePublish, ConnectionListener } from "./device-link.ts";
import { TWIN_RESPONSES_FILTER, parseTopic, twinResponseTopic } from "./topics.ts";
import type { DeviceMessage } from "./topics.ts";
import { bareErrorBody, httpStatus, failure } from "../lib/error-response.ts";
import type { ErrorResponse, Tracking, Result } from "../lib/error-response.ts";
import { argumentInvalid, serverError, twinEtagMismatch } from "../lib/error-catalog.ts";
import type { Registry } from "../registry/registry.ts";
import type { TelemetryStore } from "../telemetry/store.ts";
import { deviceView } from "../twins/document.ts";
import { patchByDevice } from "../twins/twin.ts";
import type { Twin, TwinWrite } from "../twins/twin.ts";

interface DeviceMessagesDeps {
  readonly link: DeviceConnections;
  readonly registry: Registry;
  readonly methods: MethodCalls;
  readonly telemetry: TelemetryStore;
  readonly clock: Clock;
  readonly faults: Faults;
  readonly hubName: string;
  readonly tracking: () => Tracking;
  readonly log: Log;
}

/** How the device is told what came of its request. */
type Respond = (topic: string, payload: string) => void;

/** What devices and modules say over MQTT, and what the hub tells them. */
export class DeviceMessages implements ConnectionListener {
  readonly #deps: DeviceMessagesDeps;
  readonly #desired: DesiredDelivery;

  constructor(parts: DeviceMessagesDeps) {
    this.#deps = parts;
    this.#desired = new DesiredDelivery(parts.link, parts.faults, parts.clock);
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
    const { clock, registry, link, faults, hubName } = this.#deps;
    await registry.noteActivity(target, { lastActivityTime: isoTime(clock.nowMs()) }, false);
    const interference = messageFault(faults, message, link.location(target), hubName);
    switch (interference.kind) {
      case "none":
        return this.#execute(target, message, publish, (topic, payload) => this.#respond(target, topic, payload));
      case "unanswered":
        return this.#execute(target, message, publish, () => undefined);
      case "closed":
        throw new Error(interference.why);
      case "refused":
        return this.#respondWithFault(target, message, interference.response, interference.empty);
      case "lost":
    }
  }

  notifyDesired(target: Target, { twin, notification }: TwinWrite): void {
    if (notification !== undefined) this.#desired.notify(target, twin.desired.version, JSON.stringify(notification));
  }

  async #execute(target: Target, message: DeviceMessage, publish: DevicePublish, answer: Respond): Promise<void> {
    const { methods, telemetry, faults } = this.#deps;
    switch (message.kind) {
      case "telemetry":
        await telemetry.add(target, message.properties, publish);
        for (const { name, parameters, options } of requestedFaults(message.properties, target)) {
          faults.addUntyped(name, parameters, options);
        }
        return undefined;
      case "methodAnswer":
        return methods.handleResponse(target, message.requestId, message.status, publish.payload);
      case "getTwin":
        return this.#respondWithTwin(target, message.requestId, answer);
      case "patchReported":
        return this.#patchReported(target, message, publish.payload, answer);
    }
  }

  #respondWithFault(target: Target, message: DeviceMessage, refusal: ErrorResponse, empty: boolean): void {
    if (!("requestId" in message)) return;
    this.#respondWithError(message.requestId, refusal, (topic, body) =>
      this.#respond(target, topic, empty ? "" : body),
    );
  }

  #respondWithTwin(target: Target, requestId: string, answer: Respond): void {
    const known = this.#deps.registry.find(target);
    if (known !== undefined) answer(twinResponseTopic(200, requestId), JSON.stringify(deviceView(known.twin)));
  }

  async #patchReported(
    target: Target,
    { requestId, baseVersion }: { readonly requestId: string; readonly baseVersion?: number },
    payload: Buffer,
    answer: Respond,
  ): Promise<void> {
    const { registry, clock, log } = this.#deps;
    const known = registry.find(target);
    if (known === undefined) return;
    const verdict = this.#applyPatch(target, known.twin, baseVersion, payload, isoTime(clock.nowMs()));
    if (!verdict.ok) {
      this.#respondWithError(requestId, verdict.error, answer);
      return;
    }
    try {
      await registry.writeTwin(target, verdict.value);
    } catch (error) {
      log({ level: "error", message: "twin not written", target: targetName(target), why: describeError(error) });
      this.#respondWithError(requestId, serverError(describeError(error)), answer);
      return;
    }
    answer(twinResponseTopic(204, requestId, verdict.value.reported.version), "");
  }

  #applyPatch(target: Target, twin: Twin, baseVersion: number | undefined, payload: Buffer, at: string): Result<Twin> {
    if (baseVersion !== undefined && baseVersion !== twin.reported.version) {
      return failure(twinEtagMismatch(target.deviceId));
    }
    const patch = parseJson(payload.toString());
    if (patch === undefined) return failure(argumentInvalid("The reported properties are not valid JSON."));
    return patchByDevice(twin, patch, at);
  }

  #respondWithError(requestId: string, refusal: ErrorResponse, answer: Respond): void {
    answer(twinResponseTopic(httpStatus(refusal), requestId), bareErrorBody(refusal, this.#deps.tracking()));
  }

  #respond(target: Target, topic: string, payload: string): void {
    this.#deps.link.send(target, (filter) => filter === TWIN_RESPONSES_FILTER, topic, payload);
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
