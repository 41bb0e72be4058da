import type { Faults } from "../faults/faults.ts";
import type { Clock } from "../lib/clock.ts";
import { targetName } from "../lib/target.ts";
import type { Target } from "../lib/target.ts";
import type { DeviceConnections } from "./device-connections.ts";
import { DESIRED_FILTER, desiredTopic } from "./topics.ts";

/** Notifies devices of changes of their desired properties: once, at once and in order, unless a fault says otherwise. */
export class DesiredDelivery {
  readonly #connections: DeviceConnections;
  readonly #faults: Faults;
  readonly #clock: Clock;
  /** For each target, the notification that is to follow the next one. */
  readonly #heldBack = new Map<string, () => void>();

  constructor(connections: DeviceConnections, faults: Faults, clock: Clock) {
    this.#connections = connections;
    this.#faults = faults;
    this.#clock = clock;
  }

  /** Sends the notification if the target is connected and subscribed. Otherwise it is dropped. */
  notify(target: Target, version: number, payload: string): void {
    if (!this.#connections.canReceive(target, isDesired)) return;
    const location = this.#connections.location(target);
    if (this.#faults.triggerOnce("desired-lost", location) !== undefined) return;
    const copies = this.#faults.triggerOnce("desired-duplicated", location)?.copies ?? 0;
    const send = (): void => {
      for (let sent = 0; sent <= copies; sent += 1) {
        this.#connections.send(target, isDesired, desiredTopic(version), payload);
      }
    };
    const delay = this.#faults.triggerOnce("desired-delayed", location);
    if (delay === undefined) this.#sendOrReorder(target, send);
    else this.#clock.after(delay.delayMs, () => this.#sendOrReorder(target, send));
  }

  #sendOrReorder(target: Target, send: () => void): void {
    const name = targetName(target);
    const releaseEarlier = this.#heldBack.get(name);
    if (releaseEarlier !== undefined) {
      send();
      releaseEarlier();
      return;
    }
    const reordered = this.#faults.triggerOnce("desired-reordered", this.#connections.location(target));
    if (reordered === undefined) send();
    else this.#holdBack(name, send, reordered.atMostMs);
  }

  #holdBack(name: string, send: () => void, atMostMs: number): void {
    const release = (): void => {
      cancel();
      this.#heldBack.delete(name);
      send();
    };
    const cancel = this.#clock.after(atMostMs, release);
    this.#heldBack.set(name, release);
  }
}

function isDesired(filter: string): boolean {
  return filter === DESIRED_FILTER;
}
