import * as invariants from "./invariants.ts";
import type { JsonObject } from "../../agent/contract/json.ts";
import type { MethodReply } from "../../agent/contract/methods.ts";
import type { HubCallbacks, Connection } from "../../agent/hub/connection.ts";
import { mergePatch } from "../../agent/contract/twin-patch.ts";
import { ConnectionError } from "../../agent/hub/connection-error.ts";
import type { AgentState } from "../../agent/operations/agent-state.ts";
import { reportedAt, type TrackedRequest } from "./hub-state.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Instant } from "./virtual-time.ts";
import type { TwinChecker } from "./twin-checker.ts";

/** The line between one life of the agent and its hub, with whoever asks over it. */
export class HubDouble {
  /** The next report reaches the hub, but its acknowledgement is lost with the link. */
  losesNextAcknowledgement = false;
  readonly #scheduler: Scheduler;
  readonly #twin: TwinChecker;
  /** Told what came of a request that could not be answered: a fault in the agent. */
  readonly #onDeath: (why: unknown) => void;
  #losses = 0;
  #connects = 0;
  #upSince: Instant = { atMs: 0, wakeUps: 0 };
  /** What was saved while the hub could not hear of it, to be told in its order. */
  #unheard: string[] = [];
  /** Reports that arrived since the last save: in a fine grain more than one may be on their way for it. */
  #reports = 0;
  /** The desired properties that the agent was told last, by their version. */
  #toldDesired = 0;
  /** Requests that the agent has not answered yet. */
  #asking: string[] = [];
  #connection: { callers: HubCallbacks | undefined; lose: (why: Error) => void } | undefined;
  readonly #delivered = new Set<string>();
  /** Requests whose people wait before they ask again. */
  readonly #patient = new Set<string>();

  constructor(scheduler: Scheduler, twin: TwinChecker, onDeath: (why: unknown) => void) {
    this.#scheduler = scheduler;
    this.#twin = twin;
    this.#onDeath = onDeath;
  }

  get isConnected(): boolean {
    return this.#connection?.callers !== undefined;
  }

  /** Asks the agent; undefined while nobody can. */
  async callMethod(method: string, payload: unknown): Promise<MethodReply | undefined> {
    return await this.#connection?.callers?.onMethod(method, payload);
  }

  /**
   * What the agent's memory may hold of its hub.
   * @param proof since when a system is being proven healthy, which counts the time that the link is up, look by look
   */
  memoryKey(proof: Instant | undefined): readonly unknown[] {
    const { runOptions, timer, isHubUnreachable: isOffline } = this.#scheduler;
    const upMs = this.isConnected ? timer.nowMs - this.#upSince.atMs : 0;
    return [
      this.isConnected ? "up" : "down",
      proof !== undefined
        ? `${Math.min(upMs, timer.nowMs - proof.atMs)} ${timer.wakeUps - Math.max(this.#upSince.wakeUps, proof.wakeUps)}`
        : Math.min(Math.floor(upMs / 15_000), 2), // See hub/policy: short, steady.
      this.losesNextAcknowledgement,
      isOffline ? this.#connects : "",
      this.#toldDesired,
      // In a coarse grain all is told at once, as soon as it can be; but what was begun before the link was lost goes first.
      ...(runOptions.fineSteps ? [this.#reports, ...this.#unheard] : [this.#unheard.length > 0]),
      ...this.#asking,
      ...this.#patient,
    ];
  }

  /** Of three losses in a row the agent concludes that another agent has its identity (hub/reconnect-policy): where as many can come, each counts. */
  relevantLosses(faultsLeft: number): number {
    return this.#losses + faultsLeft >= 3 ? this.#losses : 0;
  }

  /** A state is on disk: the hub hears of it now or later. */
  stateSaved({ update, reboot }: AgentState): void {
    this.#reports = 0;
    const isHeard = this.isConnected && !this.#scheduler.pendingCalls.has("report");
    this.#unheard = isHeard ? [] : [...this.#unheard, `${update.phase}/${reboot.phase}`];
  }

  async connect(signal: AbortSignal): Promise<Connection> {
    const scheduler = this.#scheduler;
    this.#connects += 1;
    await this.#call(
      "connect",
      () => {
        if (scheduler.isHubUnreachable) throw new ConnectionError("unreachable", "no answer");
      },
      signal,
    );
    this.#upSince = scheduler.timer.instant;
    let lose: (why: Error) => void = () => undefined;
    const lost = new Promise<Error>((resolve) => (lose = resolve));
    const own: { callers: HubCallbacks | undefined; lose: (why: Error) => void } = { callers: undefined, lose };
    this.#connection = own;
    const online = <T>(label: string, effect: () => T): Promise<T> =>
      this.#connection === own
        ? this.#call(label, effect)
        : Promise.reject(new ConnectionError("lost", "The link is gone."));
    return {
      lost,
      subscribe: async (callers) => {
        own.callers = callers;
      },
      readTwin: () =>
        online("read twin", () => {
          const { desired, desiredVersion, reported } = scheduler.environment.hub;
          this.#toldDesired = desiredVersion;
          if (!scheduler.runOptions.fineSteps) this.#unheard = []; // It is told in the same breath.
          return { desired, desiredVersion, reported };
        }),
      sendTelemetry: () => Promise.reject(new Error("Nobody asks: no health is reported here.")),
      updateReported: (patch) => online("report", () => this.#take(patch)),
      close: async () => undefined,
    };
  }

  /** What was under way gets no answer: the hub may have it or not, which the fault at the next step tells apart. */
  loseConnection(): void {
    const gone = new ConnectionError("lost", "The link was lost.");
    const cut = this.#scheduler.pendingCalls.removeAll(["report", "read twin"]);
    const connection = this.#connection;
    if (connection !== undefined) this.#losses += 1;
    this.#connection = undefined;
    for (const call of cut) call.reject(gone);
    connection?.lose(gone);
    this.#delivered.clear(); // Whoever waits for an answer asks again.
  }

  setDesired(patch: JsonObject): void {
    const { environment } = this.#scheduler;
    const desired = { ...environment.hub.desired, ...patch };
    const desiredVersion = environment.hub.desiredVersion + 1;
    this.#scheduler.environment = { ...environment, hub: { ...environment.hub, desired, desiredVersion } };
    this.#toldDesired = desiredVersion;
    this.#connection?.callers?.onDesiredPatch({ patch, version: desiredVersion });
  }

  /** The time has come for the document that succeeds the first. */
  get isSupersedingDue(): boolean {
    const { environment, scenario } = this.#scheduler;
    if (scenario.supersededBy === undefined || !this.isConnected || environment.hub.desiredVersion > 1) return false;
    const phase = reportedAt(environment.hub, "boardkeeper", "update", "phase");
    return phase !== undefined && phase !== "idle" && phase !== "accepted";
  }

  /** The request that somebody would make now. */
  get nextRequest(): TrackedRequest | undefined {
    if (!this.isConnected) return undefined;
    const { hub } = this.#scheduler.environment;
    const phase = reportedAt(hub, "boardkeeper", "update", "phase");
    return hub.requests.find(
      ({ id, reply, whenPhase }) =>
        reply === null && !this.#delivered.has(id) && (whenPhase === undefined || whenPhase === phase),
    );
  }

  deliver(asked: TrackedRequest): void {
    const callers = this.#connection?.callers;
    if (callers === undefined) return;
    this.#scheduler.trace.push(`${asked.method} arrives`);
    this.#delivered.add(asked.id);
    this.#asking = [...this.#asking, asked.method];
    this.#answer(asked, callers).catch(this.#onDeath);
  }

  async #answer(asked: TrackedRequest, callers: HubCallbacks): Promise<void> {
    const scheduler = this.#scheduler;
    const connection = this.#connection;
    const reply = await callers.onMethod(asked.method, asked.payload);
    await this.#call(`answer ${asked.method}`, () => {
      if (this.#connection !== connection) return; // Nobody hears it.
      if (reply.status >= 500) return this.#putOff(asked); // Whoever hears "not now" asks again.
      const { environment } = scheduler;
      const requests = environment.hub.requests.map((one) => (one.id === asked.id ? { ...one, reply } : one));
      const noted = scheduler.checked(() => invariants.observeAnswer(environment, asked, reply));
      scheduler.environment = { ...noted, hub: { ...environment.hub, requests } };
    });
    this.#asking = this.#asking.toSpliced(this.#asking.indexOf(asked.method), 1);
  }

  /** At once, or after a while where it is known to last. */
  #putOff({ id }: TrackedRequest): void {
    if (this.#scheduler.failsNextWrite) this.#patient.add(id);
    else this.#delivered.delete(id);
  }

  /** Time has passed: who was told "not now" asks again. */
  timePassed(): void {
    for (const id of this.#patient) this.#delivered.delete(id);
    this.#patient.clear();
  }

  #take(patch: JsonObject): void {
    const scheduler = this.#scheduler;
    const { falseReport: lie } = scheduler.runOptions;
    this.#reports += 1;
    // Told beside the truth, once the twin is whole: an empty one would show any lie up.
    if (lie !== undefined && scheduler.environment.hub.reported["boardkeeper"] !== undefined) this.#tell(lie);
    this.#tell(patch);
  }

  #tell(patch: JsonObject): void {
    const scheduler = this.#scheduler;
    const { environment } = scheduler;
    const reported = mergePatch(environment.hub.reported, patch);
    scheduler.checked(() => this.#twin.reported(reported, environment, scheduler.isReplay));
    scheduler.environment = { ...environment, hub: { ...environment.hub, reported } };
  }

  /** A call of the hub: answered at once, or when the explorer says. */
  async #call<T>(label: string, effect: () => T, signal?: AbortSignal): Promise<T> {
    const scheduler = this.#scheduler;
    if (scheduler.runOptions.fineSteps) return await scheduler.schedule(label, false, effect, signal);
    scheduler.trace.push(label);
    if (label === "report" && this.losesNextAcknowledgement) {
      this.losesNextAcknowledgement = false;
      effect();
      this.loseConnection();
      throw new ConnectionError("lost", "The link was lost before the hub acknowledged.");
    }
    const value = effect();
    scheduler.crashPoint();
    return value;
  }
}
