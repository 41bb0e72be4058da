import type { Clock } from "../lib/clock.ts";
import { describeError } from "../lib/log.ts";
import type { Log } from "../lib/log.ts";
import { faultKind } from "./catalog.ts";
import type { FaultName, ParametersOf } from "./catalog.ts";
import { endpoints } from "./fault-kind.ts";
import type { Endpoint, Location } from "./fault-kind.ts";
import { AddedFault } from "./fault.ts";
import type { Fault, FaultOptions } from "./fault.ts";
import { parseFaultRequest, typedParameters } from "./request.ts";

/** Adds and ends faults while the hub runs. */
export interface FaultControls {
  /** Throws InvalidFault when the name, the parameters or the options are not valid. */
  add<N extends FaultName>(name: N, parameters?: Partial<ParametersOf<N>>, options?: FaultOptions): Fault;
  /** The same for a random fault (`randomFault`), or one from outside the program. */
  addUntyped(name: string, parameters: object, options: object): Fault;
  /** The active and waiting faults and the last 200 ended ones, the oldest first. */
  list(): Fault[];
  /** Ends and forgets all of them. Resolves when the hub is back to normal. */
  clear(): Promise<void>;
}

/** How many ended faults are still listed. */
const ENDED_LIMIT = 200;

/** Called when a fault begins or ends. Whoever ends a fault waits for its promise. */
type ChangeListener = () => void | Promise<void>;

/** The faults of one hub. Each part of the hub asks here, wherever something can go wrong, whether it is to go wrong now. */
export class Faults implements FaultControls {
  readonly #clock: Clock;
  readonly #reachable: readonly Endpoint[];
  readonly #log: Log;
  readonly #timers = new Map<AddedFault, (() => void)[]>();
  #listeners: ChangeListener[] = [];
  readonly #immediateActions = new Map<FaultName, ((fault: AddedFault) => Promise<void>)[]>();
  #current: AddedFault[] = [];
  #ended: AddedFault[] = [];
  #lastId = 0;

  /** `reachable`: the endpoints that faults of this hub can act on. */
  constructor(clock: Clock, log: Log, reachable: readonly Endpoint[] = endpoints) {
    this.#clock = clock;
    this.#reachable = reachable;
    this.#log = log;
  }

  add<N extends FaultName>(name: N, parameters: Partial<ParametersOf<N>> = {}, options: FaultOptions = {}): Fault {
    return this.addUntyped(name, parameters, options);
  }

  addUntyped(name: string, parameters: object, options: object): Fault {
    const request = parseFaultRequest(name, parameters, options, this.#reachable);
    this.#lastId += 1;
    const id = String(this.#lastId);
    const fault = new AddedFault(id, request.name, request.parameters, request.options, async (one) => this.#end(one));
    this.#current.push(fault);
    const { afterMs = 0 } = request.options;
    if (afterMs === 0) this.#begin(fault);
    else this.#schedule(fault, afterMs, () => this.#begin(fault));
    return fault;
  }

  list(): Fault[] {
    return [...this.#ended, ...this.#current].sort((a, b) => Number(a.id) - Number(b.id));
  }

  async clear(): Promise<void> {
    await Promise.all(this.#current.map(async (fault) => this.#end(fault)));
    this.#ended = [];
  }

  /**
   * The parameters of a fault of this name that acts on an event at this location, or undefined when none does. Counts one
   * hit. `concerns` checks by the parameters whether the fault is about this event.
   */
  triggerOnce<N extends FaultName>(
    name: N,
    location: Location,
    concerns: (parameters: ParametersOf<N>) => boolean = () => true,
  ): ParametersOf<N> | undefined {
    const fault = this.#find(name, (one) => one.appliesTo(location) && concerns(typedParameters(name, one.parameters)));
    if (fault === undefined) return undefined;
    fault.recordHit();
    if (fault.isSpent()) this.#endUnawaited(fault);
    return typedParameters(name, fault.parameters);
  }

  /** The parameters of a fault of this name that acts on this connection while it is on, or undefined when none does. */
  activeFor<N extends FaultName>(
    name: N,
    connection: object,
    location: Location,
    concerns: (parameters: ParametersOf<N>) => boolean = () => true,
  ): ParametersOf<N> | undefined {
    const fault = this.#find(
      name,
      (one) => concerns(typedParameters(name, one.parameters)) && one.activeFor(connection, location),
    );
    return fault === undefined ? undefined : typedParameters(name, fault.parameters);
  }

  /** True when no fault is on or waiting. */
  get noneActive(): boolean {
    return this.#current.length === 0;
  }

  /** Calls the listener when a fault begins or ends. Returns a function that stops it. */
  onChange(listener: ChangeListener): () => void {
    this.#listeners.push(listener);
    return () => void (this.#listeners = this.#listeners.filter((one) => one !== listener));
  }

  /** Registers what a fault of this name, which acts once when it is added, does. `recordHit` is called for each thing it hits. */
  onImmediate<N extends FaultName>(
    name: N,
    act: (parameters: ParametersOf<N>, options: FaultOptions, recordHit: () => void) => void | Promise<void>,
  ): void {
    const actions = this.#immediateActions.get(name) ?? [];
    actions.push(async (fault) => act(typedParameters(name, fault.parameters), fault.options, () => fault.recordHit()));
    this.#immediateActions.set(name, actions);
  }

  #find(name: FaultName, test: (fault: AddedFault) => boolean): AddedFault | undefined {
    return this.#current.find((one) => one.name === name && test(one));
  }

  #begin(fault: AddedFault): void {
    fault.begin();
    this.#log({ level: "info", message: "fault on", fault: fault.name, id: fault.id });
    if (faultKind(fault.name).acts === "now") {
      const actions = (this.#immediateActions.get(fault.name) ?? []).map(async (act) => act(fault));
      Promise.all(actions).catch((error: unknown) => this.#logFailure(fault, error));
      this.#endUnawaited(fault);
      return;
    }
    const { forMs } = fault.options;
    if (forMs !== undefined) this.#schedule(fault, forMs, () => this.#endUnawaited(fault));
    this.#notifyListeners().catch((error: unknown) => this.#logFailure(fault, error));
  }

  async #end(fault: AddedFault): Promise<void> {
    if (fault.state === "over") return;
    for (const cancel of this.#timers.get(fault) ?? []) cancel();
    this.#timers.delete(fault);
    this.#current = this.#current.filter((one) => one !== fault);
    this.#ended = [...this.#ended, fault].slice(-ENDED_LIMIT);
    fault.finish();
    this.#log({ level: "info", message: "fault over", fault: fault.name, id: fault.id, hits: fault.hits });
    await this.#notifyListeners();
  }

  #endUnawaited(fault: AddedFault): void {
    this.#end(fault).catch((error: unknown) => this.#logFailure(fault, error));
  }

  async #notifyListeners(): Promise<void> {
    await Promise.all(this.#listeners.map(async (listener) => listener()));
  }

  #logFailure(fault: AddedFault, error: unknown): void {
    this.#log({ level: "error", message: "fault not carried out", fault: fault.name, why: describeError(error) });
  }

  #schedule(fault: AddedFault, delayMs: number, act: () => void): void {
    this.#timers.set(fault, [...(this.#timers.get(fault) ?? []), this.#clock.after(delayMs, act)]);
  }
}

const frontendEndpoints: readonly Endpoint[] = ["mqtt", "websockets", "rest"];

/** Makes `restart` act: it is composed of `refuse` and of `close` or `reset`. */
export function registerRestartFault(faults: Faults, clearSessions: () => Promise<void>): void {
  faults.onImmediate("restart", async ({ downMs, how, sessions }, { on = frontendEndpoints }, recordHit) => {
    recordHit();
    if (downMs > 0) faults.add("refuse", {}, { on, forMs: downMs });
    faults.add(how, {}, { on });
    if (sessions === "lost") await clearSessions();
  });
}
