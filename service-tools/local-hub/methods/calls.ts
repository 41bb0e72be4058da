import type { Clock } from "../lib/clock.ts";
import type { Faults } from "../faults/faults.ts";
import { targetName } from "../registry/ids.ts";
import type { Target } from "../registry/ids.ts";
import type { Json } from "../lib/json.ts";
import type { DeviceLink } from "../gateway/device-link.ts";
import { methodTopic, receivesMethod } from "../gateway/topics.ts";
import { refused } from "../lib/error-response.ts";
import type { Verdict } from "../lib/error-response.ts";
import { deviceNotOnline, deviceWentAway, responseTimedOut } from "../lib/error-catalog.ts";
import { readMethodAnswer } from "./request.ts";
import type { MethodCall } from "./request.ts";

export interface MethodResult {
  readonly status: number;
  readonly payload: Json;
}

interface Pending {
  readonly target: Target;
  readonly call: MethodCall;
  readonly requestId: string;
  readonly settle: (verdict: Verdict<MethodResult>) => void;
  /** The request went out: from here on only the device, its going, or the deadline ends the call. */
  asked: boolean;
  /** What is still to be done when nobody waits for the answer any more. */
  whenSettled?: () => void;
}

/** Direct methods under way. Each is settled once: by the answer, by a deadline, or by the end of the connection. */
export class MethodCalls {
  readonly #link: DeviceLink;
  readonly #clock: Clock;
  readonly #faults: Faults;
  readonly #pending = new Map<string, Pending>();
  #lastRequest = 0;

  constructor(link: DeviceLink, clock: Clock, faults: Faults) {
    this.#link = link;
    this.#clock = clock;
    this.#faults = faults;
  }

  async invoke(target: Target, call: MethodCall): Promise<Verdict<MethodResult>> {
    return new Promise((resolve) => {
      const requestId = this.#newRequestId();
      const timers: (() => void)[] = [];
      const settle = (verdict: Verdict<MethodResult>): void => {
        this.#pending.delete(requestId);
        for (const cancel of timers) cancel();
        resolve(verdict);
        pending.whenSettled?.();
      };
      const pending: Pending = { target, call, requestId, settle, asked: false };
      this.#pending.set(requestId, pending);
      if (!this.#ask(pending)) {
        if (call.connectTimeoutMs === 0) {
          settle(refused(deviceNotOnline(0)));
          return;
        }
        const giveUp = this.#clock.after(call.connectTimeoutMs, () => {
          if (!pending.asked) settle(refused(deviceNotOnline(call.connectTimeoutMs)));
        });
        timers.push(giveUp);
      }
      timers.push(this.#clock.after(call.responseTimeoutMs, () => settle(refused(responseTimedOut()))));
    });
  }

  /** The device answered. An answer that nobody waits for any more, or that is another device's to give, is dropped. */
  answer(target: Target, requestId: string, status: number, payload: Buffer): void {
    const pending = this.#pending.get(requestId);
    if (pending === undefined || targetName(pending.target) !== targetName(target)) return;
    if (this.#faults.strike("method-answer-lost", this.#link.whereIs(target)) !== undefined) return;
    pending.settle(readMethodAnswer(status, payload));
  }

  reachable(target: Target): void {
    for (const pending of this.#of(target)) if (!pending.asked) this.#ask(pending);
  }

  gone(target: Target): void {
    for (const pending of this.#of(target)) if (pending.asked) pending.settle(refused(deviceWentAway()));
  }

  #ask(pending: Pending): boolean {
    const { target, call, requestId } = pending;
    const wants = (filter: string): boolean => receivesMethod(filter, call.name);
    if (!this.#link.reaches(target, wants)) return false;
    pending.asked = true;
    const send = (id: string): void => void this.#link.send(target, wants, methodTopic(call.name, id), call.payload);
    const where = this.#link.whereIs(target);
    if (this.#faults.strike("method-lost", where) !== undefined) return true;
    if (this.#faults.strike("method-late", where) !== undefined) {
      pending.whenSettled = () => send(requestId);
      return true;
    }
    send(requestId);
    const more = this.#faults.strike("method-duplicated", where);
    for (let sent = 0; sent < (more?.copies ?? 0); sent += 1) {
      send(more?.requestId === "same" ? requestId : this.#newRequestId());
    }
    return true;
  }

  #newRequestId(): string {
    this.#lastRequest += 1;
    return this.#lastRequest.toString(16);
  }

  #of(target: Target): Pending[] {
    const name = targetName(target);
    return [...this.#pending.values()].filter((pending) => targetName(pending.target) === name);
  }
}
