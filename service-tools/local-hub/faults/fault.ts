import type { FaultName } from "./catalogue.ts";
import type { ParameterValue } from "./parameters.ts";
import { covers } from "./scope.ts";
import type { Scope, Location } from "./scope.ts";

/** Whom a fault is for, and how long it lasts. What is left out has no end. */
export interface FaultOptions extends Scope {
  /** It ends after so many strikes; one that takes hold of connections takes no more than so many, and ends when it is switched off. */
  readonly times?: number;
  readonly forMs?: number;
  /** It begins so much later. */
  readonly afterMs?: number;
}

/** A fault that was added: what it is, and what has become of it. */
export interface Fault {
  readonly id: string;
  readonly name: FaultName;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  readonly options: FaultOptions;
  readonly state: FaultState;
  /** How often it has struck: occasions, or connections (ports, for `refuse`) that it took hold of. */
  readonly hits: number;
  /** Resolves when it has struck so often; rejects when it ends before. */
  waitForHits(times?: number): Promise<void>;
  /** Ends it. Resolves when the hub is as it was: a port that was closed is open again. */
  end(): Promise<void>;
}

export type FaultState = "waiting" | "on" | "over";

interface Waiter {
  readonly times: number;
  readonly resolve: () => void;
  readonly reject: (why: Error) => void;
}

/** The state of one fault. Which connections it holds, and how often it struck; when it begins and ends is for its owner. */
export class AddedFault implements Fault {
  readonly id: string;
  readonly name: FaultName;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  readonly options: FaultOptions;
  readonly #end: (fault: AddedFault) => Promise<void>;
  readonly #held = new WeakSet<object>();
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

  /** True when something that happens there is to be struck. */
  appliesTo(where: Location): boolean {
    return this.#state === "on" && !this.isSpent() && covers(this.options, where);
  }

  /** True when it holds this connection, or takes hold of it now. */
  activeFor(connection: object, where: Location): boolean {
    if (this.#state !== "on" || !covers(this.options, where)) return false;
    if (this.#held.has(connection)) return true;
    if (this.isSpent()) return false;
    this.#held.add(connection);
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
    return new Error(`The fault '${this.name}' ended after ${this.#hits} strikes; ${times} were waited for.`);
  }
}
