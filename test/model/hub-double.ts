import * as invariants from "./invariants.ts";
import type { JsonObject } from "../../agent/contract/json.ts";
import type { MethodReply } from "../../agent/contract/method-reply.ts";
import type { HubCallbacks, Connection } from "../../agent/hub/connection.ts";
import { mergePatch } from "../../agent/contract/twin-patch.ts";
import { ConnectionError } from "../../agent/hub/connection-error.ts";
import type { AgentState } from "../../agent/operations/agent-state.ts";
import { observeReading } from "./documents.ts";
import { reportedAt, type HubState, type TrackedRequest } from "./hub-state.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Instant } from "./virtual-time.ts";
import type { TwinChecker } from "./twin-checker.ts";

/** The hub as one run of the agent meets it: connection, twin, and the callers of methods. */
export class HubDouble {
  /** The next report reaches the hub, but the connection is lost before its acknowledgement. */
  losesNextAcknowledgement = false;
  readonly #scheduler: Scheduler;
  readonly #twin: TwinChecker;
  /** Called when the agent fails to answer a request: a fault in the agent. */
  readonly #onDeath: (why: unknown) => void;
  /** What the connection was busy with at each loss. */
  #losses: readonly string[] = [];
  #connects = 0;
  #upSince: Instant = { atMs: 0, wakeUps: 0 };
  /** States that were saved while the hub could not be reached; they are reported in this order. */
  #unheard: string[] = [];
  /** Reports since the last save; with fine steps several may be under way. */
  #reports = 0;
  /** The desired properties that the agent was given last. */
  #given: JsonObject | undefined;
  /** The agent was told of a change that it has not read yet. */
  #isAnnounced = false;
  /** Requests that the agent has not answered yet. */
  #asking: string[] = [];
  #connection: { callers: HubCallbacks | undefined; lose: (why: Error) => void } | undefined;
  readonly #delivered = new Set<string>();
  /** Requests whose callers wait before they call again. */
  readonly #retrying = new Set<string>();

  constructor(scheduler: Scheduler, twin: TwinChecker, onDeath: (why: unknown) => void) {
    this.#scheduler = scheduler;
    this.#twin = twin;
    this.#onDeath = onDeath;
  }

  get isConnected(): boolean {
    return this.#connection?.callers !== undefined;
  }

  /** Calls a method of the agent; undefined while it is not connected. */
  async callMethod(method: string, payload: unknown): Promise<MethodReply | undefined> {
    return await this.#connection?.callers?.onMethod(method, payload);
  }

  /**
   * What the agent's memory may hold of its hub; a part of the state's key.
   * @param proof since when a health check runs, which counts how long the connection is up, probe by probe
   */
  memoryKey(proof: Instant | undefined): readonly unknown[] {
    const { runOptions, timer, isHubUnreachable: isOffline, environment } = this.#scheduler;
    const { desired } = environment.hub;
    const upMs = this.isConnected ? timer.nowMs - this.#upSince.atMs : 0;
    return [
      this.isConnected ? "up" : "down",
      Math.min(Math.floor(upMs / 15_000), 2), // See agent/hub/reconnect-policy.ts: short, steady.
      proof === undefined
        ? ""
        : `${Math.min(upMs, timer.nowMs - proof.atMs)} ${timer.wakeUps - Math.max(this.#upSince.wakeUps, proof.wakeUps)}`,
      this.losesNextAcknowledgement,
      isOffline ? this.#connects : "",
      this.#isAnnounced,
      this.#given === desired ? "" : JSON.stringify(this.#given),
      // Without fine steps everything is reported at once; but what was begun before the connection was lost goes first.
      ...(runOptions.fineSteps ? [this.#reports, ...this.#unheard] : [this.#unheard.length > 0]),
      ...this.#asking,
      ...this.#retrying,
    ];
  }

  /** After three losses in a row the agent reports a duplicate identity (agent/hub/reconnect-policy.ts): where three can still come, each counts. */
  relevantLosses(faultsLeft: number): string {
    return this.#losses.length + faultsLeft >= 3 ? this.#losses.join() : "";
  }

  /** A state is on disk: it is reported now or later. */
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
          this.#noteReading(desired);
          if (!scheduler.runOptions.fineSteps) this.#unheard = []; // It is reported in the same step.
          return { desired: this.#misread(desired), desiredVersion, reported };
        }),
      sendTelemetry: () => Promise.reject(new Error("Nobody asks: no health is reported here.")),
      updateReported: (patch) => online("report", () => this.#take(patch)),
      close: async () => undefined,
    };
  }

  /** Calls under way get no answer. Whether the hub has them is left to the fault at the next step. */
  loseConnection(work = ""): void {
    const gone = new ConnectionError("lost", "The link was lost.");
    const cut = this.#scheduler.pendingCalls.removeAll(["report", "read twin"]);
    const connection = this.#connection;
    if (connection !== undefined) this.#losses = [...this.#losses, cut[0]?.label ?? work];
    this.#connection = undefined;
    this.#isAnnounced = false;
    for (const call of cut) call.reject(gone);
    connection?.lose(gone);
    this.#delivered.clear(); // Callers without an answer call again.
  }

  setDesired(patch: JsonObject): void {
    const { environment } = this.#scheduler;
    const desired = { ...environment.hub.desired, ...patch };
    const desiredVersion = environment.hub.desiredVersion + 1;
    this.replaceHub({ ...environment.hub, desired, desiredVersion });
  }

  /** The hub has another desired document; where it was restored from a backup, its connections are lost. */
  replaceHub(hub: HubState, isRestored = false): void {
    this.#scheduler.environment = { ...this.#scheduler.environment, hub };
    if (isRestored) return this.loseConnection();
    this.#isAnnounced = this.isConnected;
    this.#connection?.callers?.onDesiredChange(hub.desiredVersion);
  }

  /**
   * Whether the agent is about to read a change that it was told of. It waits half a second for more changes, while its actions take
   * longer: a document that is read only after one is the same as one that comes after it. An update that a method has asked for
   * is not touched by documents: there the reading waits until nothing else can happen.
   */
  get isReadingDue(): boolean {
    const { pendingCalls, scenario } = this.#scheduler;
    const mayMatter = this.#isAnnounced && scenario.desired["firmware"] !== undefined;
    return mayMatter && this.isConnected && !pendingCalls.has("read twin");
  }

  /** The agent reads the desired properties. What it must do about them is certain where it runs, and can save. */
  #noteReading(desired: JsonObject): void {
    const scheduler = this.#scheduler;
    const isSaving = scheduler.pendingCalls.labels.some((label) => label.startsWith("save "));
    const isCertain = this.#isAnnounced && !isSaving && !scheduler.isSaveOverdue && !scheduler.runOptions.fineSteps;
    scheduler.environment = observeReading(scheduler.environment, isCertain ? scheduler.saved : undefined);
    this.#given = desired;
    this.#isAnnounced = false;
  }

  /** What a faulty agent takes the desired properties for. */
  #misread(desired: JsonObject): JsonObject {
    return this.#scheduler.runOptions.misreading?.(desired) ?? desired;
  }

  /** Whether it is time for the document that replaces the first. */
  get isSupersedingDue(): boolean {
    const { environment, scenario } = this.#scheduler;
    if (scenario.supersededBy === undefined || !this.isConnected || environment.hub.desiredVersion > 1) return false;
    const phase = reportedAt(environment.hub, "boardkeeper", "update", "phase");
    return phase !== undefined && phase !== "idle" && phase !== "accepted";
  }

  /** The request that a caller would make now. */
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
      if (this.#connection !== connection) return; // The answer is lost.
      if (reply.status >= 500) return this.#putOff(asked); // The caller calls again.
      const { environment } = scheduler;
      const requests = environment.hub.requests.map((one) => (one.id === asked.id ? { ...one, reply } : one));
      const noted = scheduler.checked(() => invariants.observeAnswer(environment, asked, reply));
      scheduler.environment = { ...noted, hub: { ...environment.hub, requests } };
    });
    this.#asking = this.#asking.toSpliced(this.#asking.indexOf(asked.method), 1);
  }

  /** Calls again at once, or later where the failure is known to last. */
  #putOff({ id }: TrackedRequest): void {
    if (this.#scheduler.failsNextWrite) this.#retrying.add(id);
    else this.#delivered.delete(id);
  }

  /** Time has passed: callers that were put off call again. */
  timePassed(): void {
    for (const id of this.#retrying) this.#delivered.delete(id);
    this.#retrying.clear();
  }

  #take(patch: JsonObject): void {
    const scheduler = this.#scheduler;
    const { falseReport: lie } = scheduler.runOptions;
    this.#reports += 1;
    // Reported beside the truth, and only once the twin is whole: in an empty one any false report would show.
    if (lie !== undefined && scheduler.environment.hub.reported["boardkeeper"] !== undefined) this.#checkTwin(lie);
    this.#checkTwin(patch);
  }

  #checkTwin(patch: JsonObject): void {
    const scheduler = this.#scheduler;
    const { environment } = scheduler;
    const reported = mergePatch(environment.hub.reported, patch);
    scheduler.checked(() => this.#twin.reported(reported, environment, scheduler.isReplay));
    scheduler.environment = { ...environment, hub: { ...environment.hub, reported, twinChange: null } };
  }

  /** A call of the agent to the hub: answered at once, or at a step of its own. */
  async #call<T>(label: string, effect: () => T, signal?: AbortSignal): Promise<T> {
    const scheduler = this.#scheduler;
    if (scheduler.runOptions.fineSteps) return await scheduler.schedule(label, false, effect, signal);
    scheduler.trace.push(label);
    if (label === "report" && this.losesNextAcknowledgement) {
      this.losesNextAcknowledgement = false;
      effect();
      this.loseConnection(label);
      throw new ConnectionError("lost", "The link was lost before the hub acknowledged.");
    }
    const value = effect();
    scheduler.crashPoint();
    return value;
  }
}
