import type { Clock } from "../lib/clock.ts";
import { describeError } from "../lib/log.ts";
import type { Log } from "../lib/log.ts";
import { faultKind } from "./catalogue.ts";
import type { FaultName, ParametersOf } from "./catalogue.ts";
import { AddedFault } from "./fault.ts";
import type { Fault, FaultOptions } from "./fault.ts";
import { parseFaultRequest, typedParameters } from "./request.ts";
import { endpoints } from "./scope.ts";
import type { Endpoint, Location } from "./scope.ts";

/** Switches faults on and off while the hub runs. */
export interface FaultControls {
  /** Throws BadFault when there is no such fault, or not with these parameters. */
  add<N extends FaultName>(name: N, parameters?: Partial<ParametersOf<N>>, options?: FaultOptions): Fault;
  /** The same for what was drawn at random (`drawFault`) or comes from outside. */
  addUntyped(name: string, parameters: object, options: object): Fault;
  /** Those that are on or waiting, and the last of those that are over; the oldest first. */
  list(): Fault[];
  /** Ends all of them and forgets them. Resolves when the hub is as it was. */
  clear(): Promise<void>;
}

/** Those that are over and still listed: enough to see what a rehearsal did. */
const REMEMBERED = 200;

/** Told that a fault began or ended. What it returns is waited for by whoever ended it. */
type ChangeListener = () => void | Promise<void>;

/** The faults of one hub. The rest of the hub asks here, at each place where something can go wrong, whether it is to. */
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

  /** `reach`: the ways in that faults of this hub can act on. */
  constructor(clock: Clock, log: Log, reach: readonly Endpoint[] = endpoints) {
    this.#clock = clock;
    this.#reachable = reach;
    this.#log = log;
  }

  add<N extends FaultName>(name: N, parameters: Partial<ParametersOf<N>> = {}, options: FaultOptions = {}): Fault {
    return this.addUntyped(name, parameters, options);
  }

  addUntyped(name: string, parameters: object, options: object): Fault {
    const read = parseFaultRequest(name, parameters, options, this.#reachable);
    this.#lastId += 1;
    const id = String(this.#lastId);
    const fault = new AddedFault(id, read.name, read.parameters, read.options, async (one) => this.#end(one));
    this.#current.push(fault);
    const { afterMs = 0 } = read.options;
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
   * What a fault of this name does to something that happens there, or undefined when it spares it. One strike is counted. `concerns`
   * tells by its parameters whether a fault is about what happens.
   */
  triggerOnce<N extends FaultName>(
    name: N,
    where: Location,
    concerns: (parameters: ParametersOf<N>) => boolean = () => true,
  ): ParametersOf<N> | undefined {
    const fault = this.#find(name, (one) => one.appliesTo(where) && concerns(typedParameters(name, one.parameters)));
    if (fault === undefined) return undefined;
    fault.recordHit();
    if (fault.isSpent()) this.#endUnawaited(fault);
    return typedParameters(name, fault.parameters);
  }

  /** What a fault of this name does to this connection as long as it lasts; undefined when none has hold of it. */
  activeFor<N extends FaultName>(
    name: N,
    connection: object,
    where: Location,
    concerns: (parameters: ParametersOf<N>) => boolean = () => true,
  ): ParametersOf<N> | undefined {
    const fault = this.#find(
      name,
      (one) => concerns(typedParameters(name, one.parameters)) && one.activeFor(connection, where),
    );
    return fault === undefined ? undefined : typedParameters(name, fault.parameters);
  }

  /** True when no fault at all is on. */
  get noneActive(): boolean {
    return this.#current.length === 0;
  }

  /** Tells of each fault that begins or ends, until the answer is called. */
  onChange(listener: ChangeListener): () => void {
    this.#listeners.push(listener);
    return () => void (this.#listeners = this.#listeners.filter((one) => one !== listener));
  }

  /** What a fault that acts at once does. It is to call `strike` for each thing that it hits. */
  onImmediate<N extends FaultName>(
    name: N,
    act: (parameters: ParametersOf<N>, options: FaultOptions, strike: () => void) => void | Promise<void>,
  ): void {
    const actors = this.#immediateActions.get(name) ?? [];
    actors.push(async (fault) => act(typedParameters(name, fault.parameters), fault.options, () => fault.recordHit()));
    this.#immediateActions.set(name, actors);
  }

  #find(name: FaultName, test: (fault: AddedFault) => boolean): AddedFault | undefined {
    return this.#current.find((one) => one.name === name && test(one));
  }

  #begin(fault: AddedFault): void {
    fault.begin();
    this.#log({ level: "info", message: "fault on", fault: fault.name, id: fault.id });
    if (faultKind(fault.name).acts === "now") {
      const acts = (this.#immediateActions.get(fault.name) ?? []).map(async (act) => act(fault));
      Promise.all(acts).catch((error: unknown) => this.#logFailure(fault, error));
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
    this.#ended = [...this.#ended, fault].slice(-REMEMBERED);
    fault.finish();
    this.#log({ level: "info", message: "fault over", fault: fault.name, id: fault.id, struck: fault.hits });
    await this.#notifyListeners();
  }

  /** For an end that nobody waits for. */
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
