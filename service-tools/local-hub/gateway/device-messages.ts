import { isoTime } from "../lib/clock.ts";
import type { Clock } from "../lib/clock.ts";
import { DesiredDelivery } from "./desired-delivery.ts";
import type { Faults } from "../faults/faults.ts";
import { injectedFaults } from "../faults/injected.ts";
import { interfere } from "../faults/interference.ts";
import { targetName } from "../registry/ids.ts";
import type { Target } from "../registry/ids.ts";
import { parseJson } from "../lib/json.ts";
import { reasonOf } from "../lib/log.ts";
import type { Log } from "../lib/log.ts";
import type { MethodCalls } from "../methods/calls.ts";
import type { DeviceLink, DevicePublish, LinkListener } from "./device-link.ts";
import { TWIN_ANSWERS_FILTER, readTopic, twinAnswerTopic } from "./topics.ts";
import type { DeviceMessage } from "./topics.ts";
import { bareBody, httpStatus, refused } from "../lib/error-response.ts";
import type { Refusal, Tracking, Verdict } from "../lib/error-response.ts";
import { argumentInvalid, serverError, twinEtagMismatch } from "../lib/error-catalog.ts";
import type { Registry } from "../registry/registry.ts";
import type { TelemetryStore } from "../telemetry/store.ts";
import { deviceView } from "../twins/document.ts";
import { patchByDevice } from "../twins/twin.ts";
import type { Twin, TwinWrite } from "../twins/twin.ts";

interface Parts {
  readonly link: DeviceLink;
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
type Answer = (topic: string, payload: string) => void;

/** What devices and modules say over MQTT, and what the hub tells them. */
export class DeviceSide implements LinkListener {
  readonly #parts: Parts;
  readonly #desired: DesiredDelivery;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#desired = new DesiredDelivery(parts.link, parts.faults, parts.clock);
  }

  connected(target: Target): void {
    this.#note(target);
  }

  reachable(target: Target): void {
    this.#parts.methods.reachable(target);
  }

  gone(target: Target): void {
    this.#note(target);
    this.#parts.methods.gone(target);
  }

  async message(target: Target, publish: DevicePublish): Promise<void> {
    const message = readTopic(publish.topic, target);
    if (message === undefined) throw new Error(`it may not publish to '${publish.topic}'`);
    const { clock, registry, link, faults, hubName } = this.#parts;
    await registry.noteActivity(target, { lastActivityTime: isoTime(clock.nowMs()) }, false);
    const interference = interfere(faults, message, link.whereIs(target), hubName);
    switch (interference.kind) {
      case "none":
        return this.#carryOut(target, message, publish, (topic, payload) => this.#answer(target, topic, payload));
      case "unanswered":
        return this.#carryOut(target, message, publish, () => undefined);
      case "closed":
        throw new Error(interference.why);
      case "refused":
        return this.#refuseFaultily(target, message, interference.refusal, interference.empty);
      case "lost":
    }
  }

  desiredChanged(target: Target, { twin, notification }: TwinWrite): void {
    if (notification !== undefined) this.#desired.tell(target, twin.desired.version, JSON.stringify(notification));
  }

  async #carryOut(target: Target, message: DeviceMessage, publish: DevicePublish, answer: Answer): Promise<void> {
    const { methods, telemetry, faults } = this.#parts;
    switch (message.kind) {
      case "telemetry":
        await telemetry.add(target, message.properties, publish);
        for (const { name, parameters, options } of injectedFaults(message.properties, target)) {
          faults.addUntyped(name, parameters, options);
        }
        return undefined;
      case "methodAnswer":
        return methods.answer(target, message.requestId, message.status, publish.payload);
      case "getTwin":
        return this.#answerTwin(target, message.requestId, answer);
      case "patchReported":
        return this.#patchReported(target, message, publish.payload, answer);
    }
  }

  #refuseFaultily(target: Target, message: DeviceMessage, refusal: Refusal, empty: boolean): void {
    if (!("requestId" in message)) return;
    this.#refuse(message.requestId, refusal, (topic, body) => this.#answer(target, topic, empty ? "" : body));
  }

  #answerTwin(target: Target, requestId: string, answer: Answer): void {
    const known = this.#parts.registry.find(target);
    if (known !== undefined) answer(twinAnswerTopic(200, requestId), JSON.stringify(deviceView(known.twin)));
  }

  async #patchReported(
    target: Target,
    { requestId, baseVersion }: { readonly requestId: string; readonly baseVersion?: number },
    payload: Buffer,
    answer: Answer,
  ): Promise<void> {
    const { registry, clock, log } = this.#parts;
    const known = registry.find(target);
    if (known === undefined) return;
    const verdict = this.#judgePatch(target, known.twin, baseVersion, payload, isoTime(clock.nowMs()));
    if (!verdict.ok) {
      this.#refuse(requestId, verdict.refusal, answer);
      return;
    }
    try {
      await registry.writeTwin(target, verdict.value);
    } catch (error) {
      log({ level: "error", message: "twin not written", target: targetName(target), why: reasonOf(error) });
      this.#refuse(requestId, serverError(reasonOf(error)), answer);
      return;
    }
    answer(twinAnswerTopic(204, requestId, verdict.value.reported.version), "");
  }

  #judgePatch(target: Target, twin: Twin, baseVersion: number | undefined, payload: Buffer, at: string): Verdict<Twin> {
    if (baseVersion !== undefined && baseVersion !== twin.reported.version) {
      return refused(twinEtagMismatch(target.deviceId));
    }
    const patch = parseJson(payload.toString());
    if (patch === undefined) return refused(argumentInvalid("The reported properties are not valid JSON."));
    return patchByDevice(twin, patch, at);
  }

  #refuse(requestId: string, refusal: Refusal, answer: Answer): void {
    answer(twinAnswerTopic(httpStatus(refusal), requestId), bareBody(refusal, this.#parts.tracking()));
  }

  #answer(target: Target, topic: string, payload: string): void {
    this.#parts.link.send(target, (filter) => filter === TWIN_ANSWERS_FILTER, topic, payload);
  }

  #note(target: Target): void {
    const { registry, clock, log } = this.#parts;
    const now = isoTime(clock.nowMs());
    const activity = { connectionStateUpdatedTime: now, lastActivityTime: now };
    registry.noteActivity(target, activity, true).catch((error: unknown) => {
      log({ level: "error", message: "activity not written", target: targetName(target), why: reasonOf(error) });
    });
  }
}
