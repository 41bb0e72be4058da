import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { startAgent, type Agent } from "../../agent/agent.ts";
import type { Disk } from "../../agent/board/disk.ts";
import { FolderStateFile } from "../../agent/board/state-file.ts";
import { FolderTrialRecord } from "../../agent/board/trial-record.ts";
import type { JsonObject } from "../../agent/contract/json.ts";
import { AgentError } from "../../agent/errors.ts";
import type { Callers, Connection } from "../../agent/hub/link.ts";
import { mergePatch } from "../../agent/hub/patch.ts";
import { LinkTrouble } from "../../agent/hub/trouble.ts";
import type { StateFile } from "../../agent/journal.ts";
import type { Saved, Trust } from "../../agent/saved.ts";
import { readSettings } from "../../agent/settings.ts";
import { isRunning } from "../../agent/update/machine.ts";
import type { Installer, StagedImage, Staging } from "../../agent/update/ports.ts";
import { quiet } from "../support/journals.ts";
import * as hardware from "./board.ts";
import * as platter from "./disk.ts";
import { excuses, type Disturbance, type Silent } from "./faults.ts";
import { reportedAt, type Asked } from "./hub.ts";
import * as witness from "./ledger.ts";
import { excused } from "./notes.ts";
import { lifeKey, worldKey } from "./keys.ts";
import { savedIn } from "./reading.ts";
import { PatientTimer } from "./time.ts";
import { qualityIn, stagingFolder, stateFolder, type Scenario, type World } from "./world.ts";

/** A call of the agent that waits for the explorer. */
interface Call {
  readonly label: string;
  /** True for what is done to the board, which may fail, and be done twice. */
  readonly isDuty: boolean;
  readonly effect: () => unknown;
  readonly resolve: (value: never) => void;
  readonly reject: (why: unknown) => void;
}

export type Ending = "rebooted" | "died" | "finished";

/** How a state file is made; a test of the explorer itself makes one that forgets. */
type MakeStateFile = (real: StateFile, life: Life) => StateFile;

/** What leaves nothing in memory that could not be seen from outside. */
const hubLabels = new Set(["report", "read twin", "connect", "time passes"]);

/** Duties that change nothing: to do them twice, or to do them and fail, comes to the same as once, or not at all. */
const reads = new Set(["read image", "prepare"]);

/** How finely a life is taken apart. */
export interface Grain {
  /** Whether each save and each call of the hub is a step at which other things may happen, or is done at once. */
  readonly isFine: boolean;
  readonly makeStateFile?: MakeStateFile;
}

const settings = readSettings([
  {
    place: "explorer",
    values: {
      "update.installer": "command",
      "update.healthy-for-seconds": 1,
      "health.every-seconds": 0,
      "update.prove-within-seconds": 6,
      "simulation.pause-seconds": 1,
    },
  },
]).settings;

const digest = (text: string): string => createHash("sha256").update(text).digest("hex");

/**
 * One life of the agent's process over a world: the production agent, whole, with every port in the explorer's hands. A
 * call is done when the explorer says; in between everything runs that can.
 */
export class Life {
  world: World;
  /** Run when the next duty is done: for a test of the explorer, whose agent acts before it saves. */
  readonly afterDuty: (() => void)[] = [];
  /** What was done so far, for people. */
  labels: string[] = [];
  /** Duties that were begun since the last save: what the agent may remember beyond what it has saved. */
  sinceSave: string[] = [];
  calls: Call[] = [];
  readonly timer: PatientTimer;
  readonly #scenario: Scenario;
  #onCrashPoint: (world: World) => void;
  readonly #grain: Grain;
  #savedAtMs: number;
  /** The next report reaches the hub, but its acknowledgement is lost with the link. */
  #deafness = false;
  /** The disk refuses the next file. */
  #refusal = false;
  #linkLosses = 0;
  #connects = 0;
  #upSinceMs = 0;
  /** What was saved while the hub could not hear of it, to be told in its order. */
  #unheard: string[] = [];
  /** Reports that arrived since the last save: in a fine grain more than one may be on their way for it. */
  #reports = 0;
  /** The desired properties that the agent was told last, by their version. */
  #toldDesired = 0;
  /** Requests that the agent has not answered yet. */
  #asking: string[] = [];
  #file: FolderStateFile | undefined;
  #trust: Trust = "latest";
  #agent: Agent | undefined;
  #death: unknown;
  /** The first that the witness saw, whoever caught it: the agent takes what a port throws for trouble with disk or link. */
  #violation: witness.Violation | undefined;
  #connection: { callers: Callers | undefined; lose: (why: Error) => void } | undefined;
  readonly #delivered = new Set<string>();
  saved: Saved | undefined;

  constructor(world: World, scenario: Scenario, grain: Grain, onCrashPoint: (world: World) => void) {
    this.#grain = grain;
    this.world = world;
    this.#scenario = scenario;
    this.#onCrashPoint = onCrashPoint;
    this.timer = new PatientTimer(world.bootMs);
    this.#savedAtMs = world.bootMs;
  }

  /** The process starts, and reads what it finds on disk. */
  async load(): Promise<void> {
    this.#file = new FolderStateFile(stateFolder, this.#disk());
    const { saved, trust, problems } = await this.#file.load();
    this.saved = saved;
    this.#trust = trust;
    this.world = witness.noteStart(this.world, saved, problems);
  }

  /** The agent goes to work on what was read. */
  begin(): void {
    this.#start().then(
      (agent) => (this.#agent = agent),
      (why: unknown) => (this.#death = why ?? new Error("unknown")),
    );
  }

  /** Nobody looks on any more. Node keeps a combined signal, and all that listens to it, until it aborts: so all are. */
  abandon(): void {
    this.#onCrashPoint = () => undefined;
    this.#agent?.stop().catch(() => undefined); // What it was doing is of no interest to anybody.
  }

  get isUp(): boolean {
    return this.#connection?.callers !== undefined;
  }

  /** True when the system that runs cannot reach the hub, whatever it does. */
  get isDeaf(): boolean {
    return qualityIn(this.world)(hardware.runningVersionOf(this.world.board) ?? "") === "deaf";
  }

  /**
   * How this life has ended, if it has.
   * @throws Violation if one has happened so far, also where the agent has caught it
   */
  get ending(): Ending | undefined {
    if (this.#violation !== undefined) throw this.#violation;
    if (this.#death !== undefined) return "died";
    if (this.world.board.goingDown) return "rebooted";
    return this.#isFinished() ? "finished" : undefined;
  }

  /** What could go wrong now. */
  possible(): Disturbance[] {
    const { hub } = this.world;
    const { cancel, nextDesired } = this.#scenario;
    const [next] = this.calls;
    const { isFine } = this.#grain;
    const found: Disturbance[] = [];
    // In a coarse grain what comes from outside comes once in each saved state, before its duty is begun.
    if (isFine || this.sinceSave.length === 0) {
      found.push("clock stepped");
      if (!this.#refusal) found.push("save refused");
      if (this.isUp) {
        found.push("link lost");
        if (!isFine && !this.#deafness) found.push("link lost under a report");
        if (cancel !== undefined) found.push("cancel");
        if (nextDesired !== undefined && hub.desired["firmware"] !== nextDesired["firmware"]) {
          found.push("new desired document");
        }
        if (hub.requests.some(({ id, reply }) => reply !== null && !id.startsWith("cancel"))) {
          found.push("request redelivered");
        }
      }
    }
    if (next?.isDuty === true) {
      found.push("duty failed");
      if (!reads.has(next.label)) found.push("duty done, but failed", "duty done twice");
      if (next.label === "order reboot") found.push("reboot lost");
    }
    return found;
  }

  /** What happens by itself next. False when nothing can. */
  goOn(): boolean {
    const next = this.calls.shift();
    if (next !== undefined) {
      this.#note(next.label);
      this.#complete(next);
      return true;
    }
    if (this.#isSucceeded()) {
      this.labels.push("new desired document");
      this.#setDesired(this.#scenario.succeeding ?? {});
      return true;
    }
    const request = this.#nextRequest();
    if (request !== undefined) {
      this.#deliver(request);
      return true;
    }
    const woke = this.timer.wakeNext();
    if (woke) this.#note("time passes");
    this.world = { ...this.world, bootMs: this.timer.nowMs };
    return woke;
  }

  disturb(fault: Disturbance): void {
    this.labels.push(`FAULT: ${fault}`);
    if (excuses(fault)) this.world = excused(this.world);
    const { world } = this;
    switch (fault) {
      case "link lost":
        return this.#loseLink();
      case "link lost under a report":
        this.#deafness = true;
        return;
      case "clock stepped":
        this.world = { ...world, wallStepMs: world.wallStepMs === 0 ? -86_400_000 : 0 };
        return;
      case "cancel":
        if (this.#scenario.cancel !== undefined) {
          const asked = { ...this.#scenario.cancel, id: `cancel ${world.hub.requests.length}`, reply: null };
          this.world = { ...world, hub: { ...world.hub, requests: [...world.hub.requests, asked] } };
          this.#deliver(asked);
        }
        return;
      case "request redelivered": {
        const answered = world.hub.requests.findLast(({ reply, id }) => reply !== null && !id.startsWith("cancel"));
        if (answered !== undefined) this.#deliver(answered);
        return;
      }
      case "new desired document":
        return this.#setDesired(this.#scenario.nextDesired ?? {});
      case "save refused":
        this.#refusal = true;
        return;
      case "duty failed":
        return this.#nextCall()?.reject(new AgentError("installer-failed", "It failed."));
      case "reboot lost":
        return this.#nextCall()?.resolve(undefined as never);
      case "duty done, but failed": {
        const call = this.#nextCall();
        call?.effect();
        this.#crashPoint();
        return call?.reject(new AgentError("installer-failed", "It failed."));
      }
      case "duty done twice": {
        const call = this.#nextCall();
        const { ledger } = this.world;
        call?.effect();
        this.world = { ...this.world, ledger }; // Twice is what the fault is: it counts once.
        if (call !== undefined) this.#complete(call);
        return;
      }
    }
  }

  #setDesired(patch: JsonObject): void {
    const { world } = this;
    const desired = { ...world.hub.desired, ...patch };
    const desiredVersion = world.hub.desiredVersion + 1;
    this.world = { ...world, hub: { ...world.hub, desired, desiredVersion } };
    this.#toldDesired = desiredVersion;
    this.#connection?.callers?.desired({ patch, version: desiredVersion });
  }

  /** The time has come for the document that succeeds the first. */
  #isSucceeded(): boolean {
    const { succeeding } = this.#scenario;
    if (succeeding === undefined || !this.isUp || this.world.hub.desiredVersion > 1) return false;
    const phase = reportedAt(this.world.hub, "boardkeeper", "update", "phase");
    return phase !== undefined && phase !== "idle" && phase !== "accepted";
  }

  /** What is true where nothing is left to be done. */
  async checkEnd(faults: number): Promise<void> {
    witness.checkEnd(this.world, this.saved, faults);
    const callers = this.#connection?.callers;
    if (callers !== undefined) witness.checkTwin(this.world, await callers.method("getStatus", null));
  }

  /** Where it would be after a fault that the agent does not notice yet. */
  keyAfter(fault: Silent): string {
    const before = { world: this.world, labels: [...this.labels], deafness: this.#deafness, refusal: this.#refusal };
    this.disturb(fault);
    const key = lifeKey(this);
    ({ world: this.world, labels: this.labels, deafness: this.#deafness, refusal: this.#refusal } = before);
    return key;
  }

  /**
   * What comes of doing the next duty twice.
   * @returns every world in which the second time may be cut off; undefined when the end is another than after once
   */
  twice(): World[] | undefined {
    const [call] = this.calls;
    if (call === undefined) return undefined;
    const { world } = this;
    const onCrashPoint = this.#onCrashPoint;
    const worlds: World[] = [];
    this.#onCrashPoint = () => undefined;
    try {
      call.effect();
      const once = worldKey(this.world);
      this.world = { ...this.world, ledger: world.ledger };
      this.#onCrashPoint = (now) => worlds.push(now);
      call.effect();
      this.#crashPoint();
      return worldKey(this.world) === once ? worlds : undefined;
    } catch (thrown) {
      if (thrown instanceof witness.Violation) throw thrown;
      return undefined;
    } finally {
      this.world = world;
      this.#onCrashPoint = onCrashPoint;
    }
  }

  async #start(): Promise<Agent> {
    const file = this.#file;
    if (file === undefined) throw new Error("An agent begins on what it has read.");
    const bootId = hardware.bootIdOf(this.world.board);
    const watched: StateFile = {
      save: async (next) => {
        await file.save(next);
        this.saved = next;
        this.sinceSave = [];
        this.#reports = 0;
        this.#savedAtMs = this.timer.nowMs;
        const isHeard = this.isUp && !this.calls.some(({ label }) => label === "report");
        this.#unheard = isHeard ? [] : [...this.#unheard, `${next.update.phase}/${next.reboot.phase}`];
        this.world = this.#witnessed(() => witness.noteSaved(this.world, next));
        this.#crashPoint();
      },
    };
    return await startAgent(
      {
        version: "1",
        mode: this.#scenario.mode,
        log: quiet,
        logLevel: () => undefined,
        clock: {
          now: () => new Date(Date.UTC(2026, 0, 2, this.world.board.boots) + this.world.wallStepMs),
          synchronized: () => Promise.resolve(true),
        },
        bootClock: { nowMs: () => Math.round(this.timer.nowMs) },
        timer: this.timer,
        // The shortest pauses, but for a system that asks a hub in vain: how often it does is of no interest.
        random: () => (this.isDeaf ? 0.999 : 0),
        newOperationId: () => "unnamed",
        digest,
        bootId,
        identity: "explored",
        inventory: {
          model: null,
          serial: null,
          os: null,
          kernel: null,
          arch: "arm64",
          memoryBytes: 1,
          equipment: null,
        },
        equipment: () => Promise.resolve(null),
        vitals: () => Promise.reject(new Error("Nobody asks: no health is reported here.")),
        stateFile: this.#grain.makeStateFile?.(watched, this) ?? watched,
        loaded: this.saved,
        trust: this.#trust,
        problems: [],
        trials: new FolderTrialRecord(stateFolder, this.#disk()),
        staging: this.#staging(),
        fetcher: {
          fetch: (order, _onProgress, signal) =>
            this.#call("fetch", true, () => this.#fetch(order.uris[0] ?? "", order.path), signal),
        },
        installer: this.#installer(),
        power: {
          reboot: () => this.#call("order reboot", true, () => this.#orderReboot()),
          inhibitors: () => Promise.resolve([]),
        },
        connect: (signal) => this.#connect(signal),
      },
      settings,
    );
  }

  #call<T>(label: string, isDuty: boolean, effect: () => T, signal?: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      const stop = (): void => {
        this.calls = this.calls.filter((one) => one !== call);
        reject(signal?.reason);
      };
      const settle = (how: (value: never) => void, value: unknown): void => {
        signal?.removeEventListener("abort", stop);
        how(value as never);
      };
      const call: Call = {
        label,
        isDuty,
        effect,
        resolve: (value) => settle(resolve, value),
        reject: (why) => settle(reject, why),
      };
      signal?.addEventListener("abort", stop, { once: true });
      this.calls.push(call);
    });
  }

  /** A call of the hub: answered at once, or when the explorer says. */
  async #hubCall<T>(label: string, effect: () => T, signal?: AbortSignal): Promise<T> {
    if (this.#grain.isFine) return await this.#call(label, false, effect, signal);
    this.labels.push(label);
    if (label === "report" && this.#deafness) {
      this.#deafness = false;
      effect();
      this.#loseLink();
      throw new LinkTrouble("lost", "The link was lost before the hub acknowledged.");
    }
    const value = effect();
    this.#crashPoint();
    return value;
  }

  #nextCall(): Call | undefined {
    const call = this.calls.shift();
    if (call !== undefined) this.#note(call.label);
    return call;
  }

  #complete(call: Call): void {
    let value: unknown;
    try {
      value = call.effect();
    } catch (thrown) {
      if (thrown instanceof witness.Violation) throw thrown;
      return call.reject(thrown);
    }
    this.#crashPoint();
    if (call.isDuty) for (const act of this.afterDuty.splice(0)) act();
    call.resolve(value as never);
  }

  #crashPoint(): void {
    this.#witnessed(() => witness.checkBoard(this.world));
    this.#onCrashPoint({ ...this.world, bootMs: this.timer.nowMs });
  }

  /** Lets the witness look, and keeps what it objects to first. */
  #witnessed<T>(look: () => T): T {
    try {
      return look();
    } catch (thrown) {
      if (thrown instanceof witness.Violation) this.#violation ??= thrown;
      throw thrown;
    }
  }

  #note(label: string): void {
    this.labels.push(label);
    if (!hubLabels.has(label)) this.sinceSave.push(label);
  }

  /** What the agent's memory may hold beyond what was saved and what is under way. */
  get memory(): string {
    const { isUp, saved } = this;
    const { nowMs } = this.timer;
    const phase = saved?.update.phase;
    // These have a deadline that begins with the save before them; "proving" also looks at how long it has been up.
    const isTimed = phase === "staged" || phase === "proving" || this.#scenario.mode === "simulated";
    const waitedMs = isTimed ? nowMs - this.#savedAtMs : 0;
    const upMs = isUp ? nowMs - this.#upSinceMs : 0;
    return [
      isUp ? "up" : "down",
      phase === "proving" ? upMs : Math.min(Math.floor(upMs / 15_000), 2), // See hub/policy: short, steady.
      this.#deafness,
      this.#refusal,
      this.#linkLosses,
      this.isDeaf ? this.#connects : "",
      this.#toldDesired,
      waitedMs,
      this.#grain.isFine ? this.#reports : "",
      ...this.#unheard,
      ...this.#asking,
      ...this.sinceSave,
    ].join("|");
  }

  #change(how: (disk: platter.DiskState) => platter.DiskState): void {
    this.world = { ...this.world, disk: how(this.world.disk) };
    this.#crashPoint();
  }

  /** The disk under the agent's own files. To write one is a call; the steps of it follow each other at once. */
  #disk(): Disk {
    return {
      makeFolder: async (path) => {
        if (platter.hasName(this.world.disk, path)) return undefined;
        this.#change((disk) => platter.makeFolder(disk, path));
        return path;
      },
      read: async (path) => {
        const content = platter.contentOf(this.world.disk, path);
        if (content === undefined) throw Object.assign(new Error("ENOENT"), { code: "ENOENT" });
        return content;
      },
      create: async (path) => {
        if (this.#grain.isFine) await this.#call(`save ${path}`, false, () => undefined);
        else this.labels.push(`save ${path}`);
        if (this.#refusal) {
          this.#refusal = false;
          throw Object.assign(new Error("EIO: the disk refused"), { code: "EIO" });
        }
        this.#change((disk) => platter.create(disk, path));
        let at = path;
        return {
          write: async (content) => this.#change((disk) => platter.write(disk, at, String(content))),
          sync: async () => this.#change((disk) => platter.sync(disk, at)),
          close: async () => {
            at = path;
          },
        };
      },
      rename: async (from, to) => this.#change((disk) => platter.rename(disk, from, to)),
      link: async (path, second) => {
        if (!platter.hasName(this.world.disk, path)) throw Object.assign(new Error("ENOENT"), { code: "ENOENT" });
        this.#change((disk) => platter.link(disk, path, second));
      },
      remove: async (path) => this.#change((disk) => platter.remove(disk, path)),
      syncFolder: async (path) => this.#change((disk) => platter.syncFolder(disk, path)),
    };
  }

  /** As FolderStaging does it; an image's content is its address. */
  #staging(): Staging {
    const partial = (sha256: string): string => `${stagingFolder}/${sha256}.part`;
    const staged = (sha256: string): string => `${stagingFolder}/${sha256}.image`;
    return {
      roomBytes: async () => 1_000_000,
      partialPath: async (sha256) => partial(sha256),
      stagedPath: staged,
      admit: (sha256) =>
        this.#call("stage", true, () => {
          if (platter.hasName(this.world.disk, partial(sha256))) {
            this.#change((disk) => platter.rename(disk, partial(sha256), staged(sha256)));
          } else if (!platter.hasName(this.world.disk, staged(sha256))) {
            throw new AgentError("image-changed", "The staged image is gone.");
          }
          this.#change((disk) => platter.syncFolder(disk, stagingFolder));
        }),
      verify: (sha256, signal) =>
        this.#call(
          "read image",
          true,
          () => {
            const content = platter.contentOf(this.world.disk, staged(sha256));
            if (content === undefined || digest(content) !== sha256) {
              throw new AgentError("image-changed", "The staged image is not what it was.");
            }
          },
          signal,
        ),
      keepPartial: (sha256) =>
        this.#call("keep partial", true, () => {
          this.#clear([partial(sha256)]);
          return platter.hasName(this.world.disk, partial(sha256)) ? 0 : null;
        }),
      clear: (except) =>
        this.#call("clear staging", true, () =>
          this.#clear(except.flatMap((sha256) => [partial(sha256), staged(sha256)])),
        ),
    };
  }

  #clear(except: readonly string[]): void {
    for (const path of platter.namesIn(this.world.disk, stagingFolder)) {
      if (!except.includes(path)) this.#change((disk) => platter.remove(disk, path));
    }
    if (platter.hasName(this.world.disk, stagingFolder)) {
      this.#change((disk) => platter.syncFolder(disk, stagingFolder));
    }
  }

  /** Keeps the port's promise: what it has fetched survives a power cut. */
  #fetch(uri: string, path: string): { sha256: string; sizeBytes: number } {
    this.#act("fetch");
    if (!platter.hasName(this.world.disk, stagingFolder)) {
      this.#change((disk) => platter.syncFolder(platter.makeFolder(disk, stagingFolder), dirname(stagingFolder)));
    }
    this.#change((disk) => platter.create(disk, path));
    this.#change((disk) => platter.write(disk, path, uri));
    this.#change((disk) => platter.syncFolder(platter.sync(disk, path), stagingFolder));
    return { sha256: digest(uri), sizeBytes: uri.length };
  }

  #installer(): Installer {
    const { restart } = this.#scenario;
    const touch = (how: (board: hardware.BoardState) => hardware.BoardState): void => {
      this.world = { ...this.world, board: how(this.world.board) };
    };
    const act = (name: string, how: (board: hardware.BoardState) => hardware.BoardState): Promise<void> =>
      this.#call(name, true, () => {
        this.#act(name);
        touch(how);
      });
    return {
      restart,
      prepare: (_image, signal) => this.#call("prepare", true, () => undefined, signal),
      install: async ({ version }: StagedImage, signal) => {
        await this.#call(
          "install",
          true,
          () => {
            this.#act("install");
            touch(hardware.beginInstall);
          },
          signal,
        );
        await this.#call(
          "install to the end",
          true,
          () => touch((board) => hardware.endInstall(board, version)),
          signal,
        );
      },
      arm: async ({ version }) => {
        await act("arm", (board) => hardware.arm(board, version));
        if (this.isDeaf) this.#loseLink();
      },
      runningVersion: async () => hardware.runningVersionOf(this.world.board),
      commit: () => act("commit", hardware.commit),
      revert: ({ version }) => act("revert", (board) => hardware.revert(board, version)),
    };
  }

  #act(name: string): void {
    const known = savedIn(this.world.disk);
    const job = this.saved !== undefined && "job" in this.saved.update ? this.saved.update.job.operationId : "";
    this.world = this.#witnessed(() => witness.noteAct(this.world, name, job, known));
  }

  #orderReboot(): void {
    this.#witnessed(() => witness.noteRebootOrder(savedIn(this.world.disk)));
    this.world = { ...this.world, board: { ...this.world.board, goingDown: true } };
  }

  async #connect(signal: AbortSignal): Promise<Connection> {
    this.#connects += 1;
    await this.#hubCall(
      "connect",
      () => {
        if (this.isDeaf) throw new LinkTrouble("unreachable", "no answer");
      },
      signal,
    );
    this.#upSinceMs = this.timer.nowMs;
    let lose: (why: Error) => void = () => undefined;
    const lost = new Promise<Error>((resolve) => (lose = resolve));
    const own: { callers: Callers | undefined; lose: (why: Error) => void } = { callers: undefined, lose };
    this.#connection = own;
    const online = <T>(label: string, effect: () => T): Promise<T> =>
      this.#connection === own
        ? this.#hubCall(label, effect)
        : Promise.reject(new LinkTrouble("lost", "The link is gone."));
    return {
      lost,
      listen: async (callers) => {
        own.callers = callers;
      },
      twin: () =>
        online("read twin", () => {
          const { desired, desiredVersion, reported } = this.world.hub;
          this.#toldDesired = desiredVersion;
          if (!this.#grain.isFine) this.#unheard = []; // It is told in the same breath.
          return { desired, desiredVersion, reported };
        }),
      emit: () => Promise.reject(new Error("Nobody asks: no health is reported here.")),
      report: (patch) => online("report", () => this.#take(patch)),
      close: async () => undefined,
    };
  }

  #take(patch: JsonObject): void {
    this.#reports += 1;
    const { world } = this;
    const after = { ...world, hub: { ...world.hub, reported: mergePatch(world.hub.reported, patch) } };
    this.world = this.#witnessed(() => witness.noteTold(world, after));
  }

  /** What was under way gets no answer: the hub may have it or not, which the fault at the next step tells apart. */
  #loseLink(): void {
    const gone = new LinkTrouble("lost", "The link was lost.");
    this.#linkLosses += 1;
    const cut = this.calls.filter(({ label }) => label === "report" || label === "read twin");
    this.calls = this.calls.filter((call) => !cut.includes(call));
    const connection = this.#connection;
    this.#connection = undefined;
    for (const call of cut) call.reject(gone);
    connection?.lose(gone);
    this.#delivered.clear(); // Whoever waits for an answer asks again.
  }

  #nextRequest(): Asked | undefined {
    if (!this.isUp) return undefined;
    const phase = reportedAt(this.world.hub, "boardkeeper", "update", "phase");
    return this.world.hub.requests.find(
      ({ id, reply, whenPhase }) =>
        reply === null && !this.#delivered.has(id) && (whenPhase === undefined || whenPhase === phase),
    );
  }

  #deliver(asked: Asked): void {
    const callers = this.#connection?.callers;
    if (callers === undefined) return;
    this.labels.push(`${asked.method} arrives`);
    this.#delivered.add(asked.id);
    const connection = this.#connection;
    this.#asking = [...this.#asking, asked.method];
    void (async () => {
      const reply = await callers.method(asked.method, asked.payload);
      await this.#hubCall(`answer ${asked.method}`, () => {
        if (this.#connection !== connection) return; // Nobody hears it.
        if (reply.status >= 500) return void this.#delivered.delete(asked.id); // Whoever hears "not now" asks again.
        const { world } = this;
        const requests = world.hub.requests.map((one) => (one.id === asked.id ? { ...one, reply } : one));
        const noted = this.#witnessed(() => witness.noteAnswer(world, asked, reply));
        this.world = { ...noted, hub: { ...world.hub, requests } };
      });
      this.#asking = this.#asking.toSpliced(this.#asking.indexOf(asked.method), 1);
    })().catch((why: unknown) => (this.#death = why));
  }

  /** Nothing is under way, and nothing but a new request could change that. */
  #isFinished(): boolean {
    const { saved } = this;
    if (this.#agent === undefined || saved === undefined || this.calls.length > 0) return false;
    if (this.isUp ? this.timer.waitsMs.length > 0 : !this.isDeaf) return false;
    const { update, reboot } = saved;
    const waits = update.phase === "staged" && update.job.apply === "manual";
    if (isRunning(update) && !waits) return false;
    if (["scheduled", "waiting", "rebooting"].includes(reboot.phase)) return false;
    return (
      !this.#isSucceeded() &&
      this.#nextRequest() === undefined &&
      this.world.hub.requests.every(({ reply, whenPhase }) => reply !== null || whenPhase !== undefined)
    );
  }
}
