import type { Location } from "../faults/fault-kind.ts";
import type { Faults } from "../faults/faults.ts";
import type { Clock } from "../lib/clock.ts";
import { deviceDisconnected, deviceNotOnline, responseTimedOut } from "../lib/error-catalog.ts";
import { failure } from "../lib/error-response.ts";
import type { Result } from "../lib/error-response.ts";
import type { Json } from "../lib/json.ts";
import { targetName } from "../lib/target.ts";
import type { Target } from "../lib/target.ts";
import { parseMethodResponse } from "./request.ts";
import type { MethodCall } from "./request.ts";

/** How method calls reach devices. The gateway implements it. */
export interface MethodTransport {
  /** True when the target is connected and subscribed to this method. */
  canReceiveMethod(target: Target, method: string): boolean;
  sendMethod(target: Target, method: string, requestId: string, payload: string): void;
  /** Where the target is connected; without endpoints when it is not. */
  location(target: Target): Location;
}

export interface MethodResult {
  readonly status: number;
  readonly payload: Json;
}

interface PendingCall {
  readonly target: Target;
  readonly call: MethodCall;
  readonly requestId: string;
  readonly settle: (result: Result<MethodResult>) => void;
  /** The request was sent: from now on only the response, a disconnect or the deadline ends the call. */
  sent: boolean;
  /** For a late request: sends it when the caller no longer waits. */
  whenSettled?: () => void;
}

/** The pending direct methods. Each is settled once: by the response, by a deadline, or by the end of the connection. */
export class MethodCalls {
  readonly #transport: MethodTransport;
  readonly #clock: Clock;
  readonly #faults: Faults;
  readonly #pending = new Map<string, PendingCall>();
  #lastRequest = 0;

  constructor(transport: MethodTransport, clock: Clock, faults: Faults) {
    this.#transport = transport;
    this.#clock = clock;
    this.#faults = faults;
  }

  async invoke(target: Target, call: MethodCall): Promise<Result<MethodResult>> {
    return new Promise((resolve) => {
      const requestId = this.#newRequestId();
      const timers: (() => void)[] = [];
      const settle = (result: Result<MethodResult>): void => {
        this.#pending.delete(requestId);
        for (const cancel of timers) cancel();
        resolve(result);
        pending.whenSettled?.();
      };
      const pending: PendingCall = { target, call, requestId, settle, sent: false };
      this.#pending.set(requestId, pending);
      if (!this.#trySend(pending)) {
        if (call.connectTimeoutMs === 0) {
          settle(failure(deviceNotOnline(0)));
          return;
        }
        const connectTimer = this.#clock.after(call.connectTimeoutMs, () => {
          if (!pending.sent) settle(failure(deviceNotOnline(call.connectTimeoutMs)));
        });
        timers.push(connectTimer);
      }
      timers.push(this.#clock.after(call.responseTimeoutMs, () => settle(failure(responseTimedOut()))));
    });
  }

  /** The device's response. Ignored when the call is no longer pending, or when it is another device's. */
  handleResponse(target: Target, requestId: string, status: number, payload: Buffer): void {
    const pending = this.#pending.get(requestId);
    if (pending === undefined || targetName(pending.target) !== targetName(target)) return;
    if (this.#faults.triggerOnce("method-answer-lost", this.#transport.location(target)) !== undefined) return;
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
    if (!this.#transport.canReceiveMethod(target, call.name)) return false;
    pending.sent = true;
    const send = (id: string): void => this.#transport.sendMethod(target, call.name, id, call.payload);
    const location = this.#transport.location(target);
    if (this.#faults.triggerOnce("method-lost", location) !== undefined) return true;
    if (this.#faults.triggerOnce("method-late", location) !== undefined) {
      pending.whenSettled = () => send(requestId);
      return true;
    }
    send(requestId);
    const duplicated = this.#faults.triggerOnce("method-duplicated", location);
    for (let copy = 0; copy < (duplicated?.copies ?? 0); copy += 1) {
      send(duplicated?.requestId === "same" ? requestId : this.#newRequestId());
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
