import type { Clock } from "../lib/clock.ts";
import type { Faults } from "../faults/faults.ts";
import { targetName } from "../registry/ids.ts";
import type { Target } from "../registry/ids.ts";
import type { Json } from "../lib/json.ts";
import type { DeviceConnections } from "../gateway/device-link.ts";
import { methodTopic, receivesMethod } from "../gateway/topics.ts";
import { failure } from "../lib/error-response.ts";
import type { Result } from "../lib/error-response.ts";
import { deviceNotOnline, deviceDisconnected, responseTimedOut } from "../lib/error-catalog.ts";
import { parseMethodResponse } from "./request.ts";
import type { MethodCall } from "./request.ts";

export interface MethodResult {
  readonly status: number;
  readonly payload: Json;
}

interface PendingCall {
  readonly target: Target;
  readonly call: MethodCall;
  readonly requestId: string;
  readonly settle: (verdict: Result<MethodResult>) => void;
  /** The request went out: from here on only the device, its going, or the deadline ends the call. */
  sent: boolean;
  /** What is still to be done when nobody waits for the answer any more. */
  whenSettled?: () => void;
}

/** Direct methods under way. Each is settled once: by the answer, by a deadline, or by the end of the connection. */
export class MethodCalls {
  readonly #link: DeviceConnections;
  readonly #clock: Clock;
  readonly #faults: Faults;
  readonly #pending = new Map<string, PendingCall>();
  #lastRequest = 0;

  constructor(link: DeviceConnections, clock: Clock, faults: Faults) {
    this.#link = link;
    this.#clock = clock;
    this.#faults = faults;
  }

  async invoke(target: Target, call: MethodCall): Promise<Result<MethodResult>> {
    return new Promise((resolve) => {
      const requestId = this.#newRequestId();
      const timers: (() => void)[] = [];
      const settle = (verdict: Result<MethodResult>): void => {
        this.#pending.delete(requestId);
        for (const cancel of timers) cancel();
        resolve(verdict);
        pending.whenSettled?.();
      };
      const pending: PendingCall = { target, call, requestId, settle, sent: false };
      this.#pending.set(requestId, pending);
      if (!this.#trySend(pending)) {
        if (call.connectTimeoutMs === 0) {
          settle(failure(deviceNotOnline(0)));
          return;
        }
        const giveUp = this.#clock.after(call.connectTimeoutMs, () => {
          if (!pending.sent) settle(failure(deviceNotOnline(call.connectTimeoutMs)));
        });
        timers.push(giveUp);
      }
      timers.push(this.#clock.after(call.responseTimeoutMs, () => settle(failure(responseTimedOut()))));
    });
  }

  /** The device answered. An answer that nobody waits for any more, or that is another device's to give, is dropped. */
  handleResponse(target: Target, requestId: string, status: number, payload: Buffer): void {
    const pending = this.#pending.get(requestId);
    if (pending === undefined || targetName(pending.target) !== targetName(target)) return;
    if (this.#faults.triggerOnce("method-answer-lost", this.#link.location(target)) !== undefined) return;
    pending.settle(parseMethodResponse(status, payload));
  }

  deviceReachable(target: Target): void {
    for (const pending of this.#pendingFor(target)) if (!pending.sent) this.#trySend(pending);
  }

  deviceDisconnected(target: Target): void {
    for (const pending of this.#pendingFor(target)) if (pending.sent) pending.settle(failure(deviceDisconnected()));
  }

  #trySend(pending: PendingCall): boolean {
    const { target, call, requestId } = pending;
    const wants = (filter: string): boolean => receivesMethod(filter, call.name);
    if (!this.#link.canReceive(target, wants)) return false;
    pending.sent = true;
    const send = (id: string): void => void this.#link.send(target, wants, methodTopic(call.name, id), call.payload);
    const where = this.#link.location(target);
    if (this.#faults.triggerOnce("method-lost", where) !== undefined) return true;
    if (this.#faults.triggerOnce("method-late", where) !== undefined) {
      pending.whenSettled = () => send(requestId);
      return true;
    }
    send(requestId);
    const more = this.#faults.triggerOnce("method-duplicated", where);
    for (let sent = 0; sent < (more?.copies ?? 0); sent += 1) {
      send(more?.requestId === "same" ? requestId : this.#newRequestId());
    }
    return true;
  }

  #newRequestId(): string {
    this.#lastRequest += 1;
    return this.#lastRequest.toString(16);
  }

  #pendingFor(target: Target): PendingCall[] {
    const name = targetName(target);
    return [...this.#pending.values()].filter((pending) => targetName(pending.target) === name);
  }
}
