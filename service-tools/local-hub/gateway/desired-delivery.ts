import type { Clock } from "../lib/clock.ts";
import type { Faults } from "../faults/faults.ts";
import { targetName } from "../registry/ids.ts";
import type { Target } from "../registry/ids.ts";
import type { DeviceConnections } from "./device-link.ts";
import { DESIRED_FILTER, desiredTopic } from "./topics.ts";

/** Tells devices of changes of their desired properties: once, at once and in order, unless a fault says otherwise. */
export class DesiredDelivery {
  readonly #connections: DeviceConnections;
  readonly #faults: Faults;
  readonly #clock: Clock;
  /** For each target the one change that is to be told after the next one. */
  readonly #heldBack = new Map<string, () => void>();

  constructor(link: DeviceConnections, faults: Faults, clock: Clock) {
    this.#connections = link;
    this.#faults = faults;
    this.#clock = clock;
  }

  /** Tells the target, if it is connected and has subscribed; nothing is kept for one that is not. */
  notify(target: Target, version: number, payload: string): void {
    if (!this.#connections.canReceive(target, isDesired)) return;
    const where = this.#connections.location(target);
    if (this.#faults.triggerOnce("desired-lost", where) !== undefined) return;
    const copies = this.#faults.triggerOnce("desired-duplicated", where)?.copies ?? 0;
    const send = (): void => {
      for (let sent = 0; sent <= copies; sent += 1)
        this.#connections.send(target, isDesired, desiredTopic(version), payload);
    };
    const delay = this.#faults.triggerOnce("desired-delayed", where);
    if (delay === undefined) this.#sendOrReorder(target, send);
    else this.#clock.after(delay.delayMs, () => this.#sendOrReorder(target, send));
  }

  #sendOrReorder(target: Target, send: () => void): void {
    const name = targetName(target);
    const former = this.#heldBack.get(name);
    if (former !== undefined) {
      send();
      former();
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
