import type { FaultName } from "./catalogue.ts";
import type { Value } from "./parameters.ts";
import { covers } from "./scope.ts";
import type { Scope, Where } from "./scope.ts";

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
  readonly parameters: Readonly<Record<string, Value>>;
  readonly options: FaultOptions;
  readonly state: FaultPhase;
  /** How often it has struck: occasions, or connections (ports, for `refuse`) that it took hold of. */
  readonly struck: number;
  /** Resolves when it has struck so often; rejects when it ends before. */
  hasStruck(times?: number): Promise<void>;
  /** Ends it. Resolves when the hub is as it was: a port that was closed is open again. */
  off(): Promise<void>;
}

export type FaultPhase = "waiting" | "on" | "over";

interface Waiter {
  readonly times: number;
  readonly resolve: () => void;
  readonly reject: (why: Error) => void;
}

/** The state of one fault. Which connections it holds, and how often it struck; when it begins and ends is for its owner. */
export class AddedFault implements Fault {
  readonly id: string;
  readonly name: FaultName;
  readonly parameters: Readonly<Record<string, Value>>;
  readonly options: FaultOptions;
  readonly #end: (fault: AddedFault) => Promise<void>;
  readonly #held = new WeakSet<object>();
  #state: FaultPhase = "waiting";
  #struck = 0;
  #waiters: Waiter[] = [];

  constructor(
    id: string,
    name: FaultName,
    parameters: Readonly<Record<string, Value>>,
    options: FaultOptions,
    end: (fault: AddedFault) => Promise<void>,
  ) {
    this.id = id;
    this.name = name;
    this.parameters = parameters;
    this.options = options;
    this.#end = end;
  }

  get state(): FaultPhase {
    return this.#state;
  }

  get struck(): number {
    return this.#struck;
  }

  async hasStruck(times = 1): Promise<void> {
    if (this.#struck >= times) return;
    if (this.#state === "over") throw this.#tooSeldom(times);
    await new Promise<void>((resolve, reject) => this.#waiters.push({ times, resolve, reject }));
  }

  async off(): Promise<void> {
    await this.#end(this);
  }

  begin(): void {
    this.#state = "on";
  }

  finish(): void {
    this.#state = "over";
    for (const { times, reject } of this.#waiters.splice(0)) reject(this.#tooSeldom(times));
  }

  /** True when something that happens there is to be struck. */
  meets(where: Where): boolean {
    return this.#state === "on" && !this.isSpent() && covers(this.options, where);
  }

  /** True when it holds this connection, or takes hold of it now. */
  holds(connection: object, where: Where): boolean {
    if (this.#state !== "on" || !covers(this.options, where)) return false;
    if (this.#held.has(connection)) return true;
    if (this.isSpent()) return false;
    this.#held.add(connection);
    this.strike();
    return true;
  }

  strike(): void {
    this.#struck += 1;
    const done = this.#waiters.filter(({ times }) => this.#struck >= times);
    this.#waiters = this.#waiters.filter(({ times }) => this.#struck < times);
    for (const { resolve } of done) resolve();
  }

  isSpent(): boolean {
    return this.options.times !== undefined && this.#struck >= this.options.times;
  }

  #tooSeldom(times: number): Error {
    return new Error(`The fault '${this.name}' ended after ${this.#struck} strikes; ${times} were waited for.`);
  }
}
