import { isoTime } from "./clock.ts";
import type { Clock } from "./clock.ts";
import { targetName } from "./identity/ids.ts";
import type { Target } from "./identity/ids.ts";
import { parseJson } from "./json.ts";
import { reasonOf } from "./log.ts";
import type { Log } from "./log.ts";
import type { MethodCalls } from "./methods/calls.ts";
import type { DeviceLink, DevicePublish, LinkListener } from "./mqtt/link.ts";
import { DESIRED_FILTER, TWIN_ANSWERS_FILTER, desiredTopic, readTopic, twinAnswerTopic } from "./mqtt/topics.ts";
import { bareBody, httpStatus, refused } from "./refusal.ts";
import type { Refusal, Tracking, Verdict } from "./refusal.ts";
import { argumentInvalid, serverError, twinEtagMismatch } from "./refusals.ts";
import type { Registry } from "./registry/registry.ts";
import type { TelemetryStore } from "./telemetry/store.ts";
import { deviceView } from "./twin/document.ts";
import { patchByDevice } from "./twin/twin.ts";
import type { Twin, TwinWrite } from "./twin/twin.ts";

interface Parts {
  readonly link: DeviceLink;
  readonly registry: Registry;
  readonly methods: MethodCalls;
  readonly telemetry: TelemetryStore;
  readonly clock: Clock;
  readonly tracking: () => Tracking;
  readonly log: Log;
}

/** What devices and modules say over MQTT, and what the hub tells them. */
export class DeviceSide implements LinkListener {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
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
    const { clock, registry, methods, telemetry } = this.#parts;
    await registry.noteActivity(target, { lastActivityTime: isoTime(clock.nowMs()) }, false);
    switch (message.kind) {
      case "telemetry":
        return telemetry.add(target, message.properties, publish);
      case "methodAnswer":
        return methods.answer(target, message.requestId, message.status, publish.payload);
      case "getTwin":
        return this.#answerTwin(target, message.requestId);
      case "patchReported":
        return this.#patchReported(target, message.requestId, message.baseVersion, publish.payload);
    }
  }

  /** Tells the device, if it is connected and has subscribed; nothing is kept for one that is not. */
  desiredChanged(target: Target, { twin, notification }: TwinWrite): void {
    if (notification === undefined) return;
    const topic = desiredTopic(twin.desired.version);
    this.#parts.link.send(target, (filter) => filter === DESIRED_FILTER, topic, JSON.stringify(notification));
  }

  #answerTwin(target: Target, requestId: string): void {
    const known = this.#parts.registry.find(target);
    if (known !== undefined)
      this.#answer(target, twinAnswerTopic(200, requestId), JSON.stringify(deviceView(known.twin)));
  }

  async #patchReported(
    target: Target,
    requestId: string,
    baseVersion: number | undefined,
    payload: Buffer,
  ): Promise<void> {
    const { registry, clock, log } = this.#parts;
    const known = registry.find(target);
    if (known === undefined) return;
    const verdict = this.#judgePatch(target, known.twin, baseVersion, payload, isoTime(clock.nowMs()));
    if (!verdict.ok) {
      this.#refuse(target, requestId, verdict.refusal);
      return;
    }
    try {
      await registry.writeTwin(target, verdict.value);
    } catch (error) {
      log({ level: "error", message: "twin not written", target: targetName(target), why: reasonOf(error) });
      this.#refuse(target, requestId, serverError(reasonOf(error)));
      return;
    }
    this.#answer(target, twinAnswerTopic(204, requestId, verdict.value.reported.version), "");
  }

  #judgePatch(target: Target, twin: Twin, baseVersion: number | undefined, payload: Buffer, at: string): Verdict<Twin> {
    if (baseVersion !== undefined && baseVersion !== twin.reported.version) {
      return refused(twinEtagMismatch(target.deviceId));
    }
    const patch = parseJson(payload.toString());
    if (patch === undefined) return refused(argumentInvalid("The reported properties are not valid JSON."));
    return patchByDevice(twin, patch, at);
  }

  #refuse(target: Target, requestId: string, refusal: Refusal): void {
    const body = bareBody(refusal, this.#parts.tracking());
    this.#answer(target, twinAnswerTopic(httpStatus(refusal), requestId), body);
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
