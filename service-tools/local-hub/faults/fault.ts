import type { FaultName } from "./catalog.ts";
import { covers } from "./fault-kind.ts";
import type { Location, ParameterValue, Scope } from "./fault-kind.ts";

/** What a fault is limited to, and how long it lasts. What is left out is unlimited. */
export interface FaultOptions extends Scope {
  /** It ends after so many hits. A fault that acts on connections takes at most so many, and then stays on. */
  readonly times?: number;
  readonly forMs?: number;
  /** It begins after this delay. */
  readonly afterMs?: number;
}

/** An added fault and its progress. */
export interface Fault {
  readonly id: string;
  readonly name: FaultName;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  readonly options: FaultOptions;
  readonly state: FaultState;
  /** How often it has acted: on events, or on connections (for `refuse`: on ports). */
  readonly hits: number;
  /** Resolves when it has that many hits; rejects when it ends before. */
  waitForHits(times?: number): Promise<void>;
  /** Ends it. Resolves when the hub is back to normal: a closed port is open again. */
  end(): Promise<void>;
}

export type FaultState = "waiting" | "on" | "over";

interface Waiter {
  readonly times: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** The state of one fault: its connections and its hits. Its owner decides when it begins and ends. */
export class AddedFault implements Fault {
  readonly id: string;
  readonly name: FaultName;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  readonly options: FaultOptions;
  readonly #end: (fault: AddedFault) => Promise<void>;
  readonly #connections = new WeakSet<object>();
  #state: FaultState = "waiting";
  #hits = 0;
  #waiters: Waiter[] = [];

  constructor(
    id: string,
    name: FaultName,
    parameters: Readonly<Record<string, ParameterValue>>,
    options: FaultOptions,
    end: (fault: AddedFault) => Promise<void>,
  ) {
    this.id = id;
    this.name = name;
    this.parameters = parameters;
    this.options = options;
    this.#end = end;
  }

  get state(): FaultState {
    return this.#state;
  }

  get hits(): number {
    return this.#hits;
  }

  async waitForHits(times = 1): Promise<void> {
    if (this.#hits >= times) return;
    if (this.#state === "over") throw this.#tooFewHits(times);
    await new Promise<void>((resolve, reject) => this.#waiters.push({ times, resolve, reject }));
  }

  async end(): Promise<void> {
    await this.#end(this);
  }

  begin(): void {
    this.#state = "on";
  }

  finish(): void {
    this.#state = "over";
    for (const { times, reject } of this.#waiters.splice(0)) reject(this.#tooFewHits(times));
  }

  /** True when an event at this location is to be hit. */
  appliesTo(location: Location): boolean {
    return this.#state === "on" && !this.isSpent() && covers(this.options, location);
  }

  /** True when it acts on this connection already, or begins to now (which is a hit). */
  activeFor(connection: object, location: Location): boolean {
    if (this.#state !== "on" || !covers(this.options, location)) return false;
    if (this.#connections.has(connection)) return true;
    if (this.isSpent()) return false;
    this.#connections.add(connection);
    this.recordHit();
    return true;
  }

  recordHit(): void {
    this.#hits += 1;
    const done = this.#waiters.filter(({ times }) => this.#hits >= times);
    this.#waiters = this.#waiters.filter(({ times }) => this.#hits < times);
    for (const { resolve } of done) resolve();
  }

  isSpent(): boolean {
    return this.options.times !== undefined && this.#hits >= this.options.times;
  }

  #tooFewHits(times: number): Error {
    return new Error(`The fault '${this.name}' ended after ${this.#hits} hits; ${times} were expected.`);
  }
}
