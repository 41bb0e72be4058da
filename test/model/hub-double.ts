import type { JsonObject } from "../../agent/contract/json.ts";
import type { MethodReply } from "../../agent/contract/methods.ts";
import type { HubCallbacks, Connection } from "../../agent/hub/connection.ts";
import { mergePatch } from "../../agent/contract/twin-patch.ts";
import { ConnectionError } from "../../agent/hub/connection-error.ts";
import type { AgentState } from "../../agent/operations/agent-state.ts";
import { reportedAt, type Asked } from "./hub-state.ts";
import * as witness from "./invariants.ts";
import type { Stage } from "./scheduler.ts";
import type { Instant } from "./virtual-time.ts";
import type { TwinWitness } from "./twin-checker.ts";

/** The line between one life of the agent and its hub, with whoever asks over it. */
export class Line {
  /** The next report reaches the hub, but its acknowledgement is lost with the link. */
  deafness = false;
  readonly #stage: Stage;
  readonly #twin: TwinWitness;
  /** Told what came of a request that could not be answered: a fault in the agent. */
  readonly #onDeath: (why: unknown) => void;
  #losses = 0;
  #connects = 0;
  #upSince: Instant = { atMs: 0, wakes: 0 };
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

  constructor(stage: Stage, twin: TwinWitness, onDeath: (why: unknown) => void) {
    this.#stage = stage;
    this.#twin = twin;
    this.#onDeath = onDeath;
  }

  get isUp(): boolean {
    return this.#connection?.callers !== undefined;
  }

  /** Asks the agent; undefined while nobody can. */
  async ask(method: string, payload: unknown): Promise<MethodReply | undefined> {
    return await this.#connection?.callers?.onMethod(method, payload);
  }

  /**
   * What the agent's memory may hold of its hub.
   * @param proof since when a system is being proven healthy, which counts the time that the link is up, look by look
   */
  memory(proof: Instant | undefined): readonly unknown[] {
    const { grain, timer, isDeaf } = this.#stage;
    const upMs = this.isUp ? timer.nowMs - this.#upSince.atMs : 0;
    return [
      this.isUp ? "up" : "down",
      proof !== undefined
        ? `${Math.min(upMs, timer.nowMs - proof.atMs)} ${timer.wakes - Math.max(this.#upSince.wakes, proof.wakes)}`
        : Math.min(Math.floor(upMs / 15_000), 2), // See hub/policy: short, steady.
      this.deafness,
      isDeaf ? this.#connects : "",
      this.#toldDesired,
      // In a coarse grain all is told at once, as soon as it can be; but what was begun before the link was lost goes first.
      ...(grain.isFine ? [this.#reports, ...this.#unheard] : [this.#unheard.length > 0]),
      ...this.#asking,
      ...this.#patient,
    ];
  }

  /** Of three losses in a row the agent concludes that there is a rival (hub/policy): where as many can come, each counts. */
  lossesThatCount(faultsLeft: number): number {
    return this.#losses + faultsLeft >= 3 ? this.#losses : 0;
  }

  /** A state is on disk: the hub hears of it now or later. */
  saved({ update, reboot }: AgentState): void {
    this.#reports = 0;
    const isHeard = this.isUp && !this.#stage.calls.has("report");
    this.#unheard = isHeard ? [] : [...this.#unheard, `${update.phase}/${reboot.phase}`];
  }

  async connect(signal: AbortSignal): Promise<Connection> {
    const stage = this.#stage;
    this.#connects += 1;
    await this.#call(
      "connect",
      () => {
        if (stage.isDeaf) throw new ConnectionError("unreachable", "no answer");
      },
      signal,
    );
    this.#upSince = stage.timer.instant;
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
          const { desired, desiredVersion, reported } = stage.world.hub;
          this.#toldDesired = desiredVersion;
          if (!stage.grain.isFine) this.#unheard = []; // It is told in the same breath.
          return { desired, desiredVersion, reported };
        }),
      sendTelemetry: () => Promise.reject(new Error("Nobody asks: no health is reported here.")),
      updateReported: (patch) => online("report", () => this.#take(patch)),
      close: async () => undefined,
    };
  }

  /** What was under way gets no answer: the hub may have it or not, which the fault at the next step tells apart. */
  lose(): void {
    const gone = new ConnectionError("lost", "The link was lost.");
    const cut = this.#stage.calls.cut(["report", "read twin"]);
    const connection = this.#connection;
    if (connection !== undefined) this.#losses += 1;
    this.#connection = undefined;
    for (const call of cut) call.reject(gone);
    connection?.lose(gone);
    this.#delivered.clear(); // Whoever waits for an answer asks again.
  }

  setDesired(patch: JsonObject): void {
    const { world } = this.#stage;
    const desired = { ...world.hub.desired, ...patch };
    const desiredVersion = world.hub.desiredVersion + 1;
    this.#stage.world = { ...world, hub: { ...world.hub, desired, desiredVersion } };
    this.#toldDesired = desiredVersion;
    this.#connection?.callers?.onDesiredPatch({ patch, version: desiredVersion });
  }

  /** The time has come for the document that succeeds the first. */
  get isSucceeded(): boolean {
    const { world, scenario } = this.#stage;
    if (scenario.succeeding === undefined || !this.isUp || world.hub.desiredVersion > 1) return false;
    const phase = reportedAt(world.hub, "boardkeeper", "update", "phase");
    return phase !== undefined && phase !== "idle" && phase !== "accepted";
  }

  /** The request that somebody would make now. */
  get nextRequest(): Asked | undefined {
    if (!this.isUp) return undefined;
    const { hub } = this.#stage.world;
    const phase = reportedAt(hub, "boardkeeper", "update", "phase");
    return hub.requests.find(
      ({ id, reply, whenPhase }) =>
        reply === null && !this.#delivered.has(id) && (whenPhase === undefined || whenPhase === phase),
    );
  }

  deliver(asked: Asked): void {
    const callers = this.#connection?.callers;
    if (callers === undefined) return;
    this.#stage.labels.push(`${asked.method} arrives`);
    this.#delivered.add(asked.id);
    this.#asking = [...this.#asking, asked.method];
    this.#answer(asked, callers).catch(this.#onDeath);
  }

  async #answer(asked: Asked, callers: HubCallbacks): Promise<void> {
    const stage = this.#stage;
    const connection = this.#connection;
    const reply = await callers.onMethod(asked.method, asked.payload);
    await this.#call(`answer ${asked.method}`, () => {
      if (this.#connection !== connection) return; // Nobody hears it.
      if (reply.status >= 500) return this.#putOff(asked); // Whoever hears "not now" asks again.
      const { world } = stage;
      const requests = world.hub.requests.map((one) => (one.id === asked.id ? { ...one, reply } : one));
      const noted = stage.witnessed(() => witness.noteAnswer(world, asked, reply));
      stage.world = { ...noted, hub: { ...world.hub, requests } };
    });
    this.#asking = this.#asking.toSpliced(this.#asking.indexOf(asked.method), 1);
  }

  /** At once, or after a while where it is known to last. */
  #putOff({ id }: Asked): void {
    if (this.#stage.refusal) this.#patient.add(id);
    else this.#delivered.delete(id);
  }

  /** Time has passed: who was told "not now" asks again. */
  timePassed(): void {
    for (const id of this.#patient) this.#delivered.delete(id);
    this.#patient.clear();
  }

  #take(patch: JsonObject): void {
    const stage = this.#stage;
    const { lie } = stage.grain;
    this.#reports += 1;
    // Told beside the truth, once the twin is whole: an empty one would show any lie up.
    if (lie !== undefined && stage.world.hub.reported["boardkeeper"] !== undefined) this.#tell(lie);
    this.#tell(patch);
  }

  #tell(patch: JsonObject): void {
    const stage = this.#stage;
    const { world } = stage;
    const reported = mergePatch(world.hub.reported, patch);
    stage.witnessed(() => this.#twin.told(reported, world, stage.isRetold));
    stage.world = { ...world, hub: { ...world.hub, reported } };
  }

  /** A call of the hub: answered at once, or when the explorer says. */
  async #call<T>(label: string, effect: () => T, signal?: AbortSignal): Promise<T> {
    const stage = this.#stage;
    if (stage.grain.isFine) return await stage.call(label, false, effect, signal);
    stage.labels.push(label);
    if (label === "report" && this.deafness) {
      this.deafness = false;
      effect();
      this.lose();
      throw new ConnectionError("lost", "The link was lost before the hub acknowledged.");
    }
    const value = effect();
    stage.crashPoint();
    return value;
  }
}
