import { onTestFinished } from "vitest";
import type { Agent } from "../../agent/agent.ts";
import { createAgent } from "../../agent/create-agent.ts";
import type { AgentPorts } from "../../agent/ports.ts";
import { AgentError } from "../../agent/lib/errors.ts";
import type { MethodReply } from "../../agent/contract/method-reply.ts";
import type { AgentState } from "../../agent/operations/agent-state.ts";
import type { Activity } from "../../agent/watchdog/stall-detector.ts";
import { parseSettings } from "../../agent/config/parse-settings.ts";
import type { FakeHub } from "./fake-hub.ts";
import { FakeTrustGate } from "./fake-trust-gate.ts";
import { FakeTime, settle } from "./fake-time.ts";
import { bareInventory } from "./inventory.ts";
import type { Gate } from "./gate.ts";
import { digest } from "./updates.ts";
import { goodMetrics } from "./metrics.ts";
import { fakeRuntime } from "./fake-runtime.ts";
import { quiet } from "./logs.ts";
import { historyAfter, type HistoryEntry } from "../../agent/operations/history.ts";
import type { Log } from "../../agent/lib/log.ts";
import type { Inhibitor } from "../../agent/reboot/inhibited-message.ts";

/** How long each piece of work of this board takes, in its own time. */
const workMs = 20_000;
const bootMs = 30_000;

export interface FakeBoardOptions {
  /** Settings by name, as in TOML. */
  readonly settings?: Record<string, unknown>;
  readonly equipment?: AgentPorts["findHardwareInfo"];
  /** What an update of it restarts: a board, or a service that is switched over at once, and not back again. */
  readonly restart?: "board" | "service";
  /** Its device, a slash, and its module if it has one. */
  readonly identity?: string;
  readonly log?: Log;
}

/** A real board's agent over fakes of all its ports, in a time that passes when a test says so. */
export class FakeBoard {
  readonly time = new FakeTime();
  readonly trust = new FakeTrustGate();
  readonly #hub: FakeHub;
  readonly #equipment: AgentPorts["findHardwareInfo"];
  readonly #settings: Record<string, unknown>;
  readonly #restart: "board" | "service";
  readonly #identity: string;
  readonly #log: Log;
  /** How its operations ended, as its history file has them. */
  history: readonly HistoryEntry[] = [];
  /** Who holds an inhibitor lock against a shutdown. */
  inhibitors: readonly Inhibitor[] = [];
  /** The systems whose configuration was stored as last known good, in their order. */
  readonly configurationsOf: string[] = [];
  /** The digest of what arrives, if it is not the image. */
  fetchedSha256: string | undefined;
  /** What its disk says of a staged image that is read again. */
  stagedFailure: Error | undefined;
  /** A version whose system does not start: the boot loader falls back. */
  unbootableVersion: string | undefined;
  /** How often it was started. */
  boots = 0;
  /** The operations that were installed, in their order. */
  readonly installs: string[] = [];
  /** What lies on its disk. */
  saved: AgentState | undefined;
  /** What its disk says to whoever would write. */
  refusal: Error | undefined;
  /** A version whose system mounts the disk so that nothing can be written. */
  readOnlyVersion: string | undefined;
  /** Holds each save that comes. */
  saving: Gate | undefined;
  /** Whether a save is the last that the disk takes. */
  isLastSave: (saved: AgentState) => boolean = () => false;
  /** How often something was written, or would have been. */
  writes = 0;
  /** The addresses of each fetch that has begun. */
  readonly fetches: (readonly string[])[] = [];
  /** What comes of the next fetch, if not the image. */
  fetchFailure: Error | undefined;
  /** What its systemd says to an order for a reboot, if it does not take it. */
  rebootRefusal: Error | undefined;
  /** Whether its systemd takes the order for a reboot, and does nothing. */
  forgetsReboot = false;
  /** What its installer says to whoever would go back, if not that it is done. */
  revertFailure: Error | undefined;
  /** What its installer says to whoever would install, if not that it is done. */
  installFailure: Error | undefined;
  /** How good the saved state is that its next agent finds. */
  loadQuality: AgentPorts["loadQuality"] = "latest";
  /** What its installer finds wrong with the new system, if anything. */
  healthFailure: Error | undefined;
  /** What its installer says to whoever asks for the running version, if not that. */
  versionFailure: Error | undefined;
  /** Whether its installer does not know which version runs. */
  isVersionUnknown = false;
  #agent: Agent | undefined;
  #slots = { running: "1.0.0", other: "", trial: false, isCommitted: true };
  #trials = 0;
  #startedAtMs = 0;
  #isBroken = false;
  installMs = workMs;
  logLevel = "";
  /** Set to keep an agent that starts from taking up its state until it resolves. */
  startHold: Promise<void> | undefined;

  constructor(hub: FakeHub, options: FakeBoardOptions = {}) {
    this.#hub = hub;
    this.#equipment = options.equipment ?? (() => Promise.resolve(null));
    this.#settings = { ...usualSettings, ...options.settings };
    this.#restart = options.restart ?? "board";
    this.#identity = options.identity ?? "fake-board/";
    this.#log = options.log ?? quiet;
    onTestFinished(() => this.#agent?.stop());
  }

  async powerOn(): Promise<void> {
    this.boots += 1;
    this.#startedAtMs = this.time.nowMs();
    this.#boot();
    this.#agent = createAgent(this.#ports(), parseSettings([{ source: "test", values: this.#settings }]).settings);
    this.#agent.start();
    await settle();
  }

  /** What is under way, as a watchdog asks for it. */
  work(): readonly Activity[] {
    return this.#agent?.activities() ?? [];
  }

  /** Calls a method on the board itself. */
  async ask(name: string, payload: unknown): Promise<MethodReply> {
    if (this.#agent === undefined) throw new Error("no agent runs");
    return await this.#agent.callMethod(name, payload);
  }

  #ports(): AgentPorts {
    const { time } = this;
    return {
      version: "0.0.0-test",
      mode: "systemd",
      setLogLevel: (level) => void (this.logLevel = level),
      runtime: fakeRuntime({
        time,
        bootClock: { nowMs: () => time.nowMs() - this.#startedAtMs },
        random: () => 0.5,
        log: this.#log,
      }),
      bootId: `boot-${this.boots}`,
      identity: this.#identity,
      inventory: bareInventory,
      stateFile: {
        save: async (saved) => {
          await this.saving?.pass();
          this.saved = this.#written(saved);
          if (this.isLastSave(saved)) this.refusal = readOnly();
        },
      },
      recordHistory: async (saved) => {
        this.history = historyAfter(this.history, saved, time.now().toISOString());
      },
      findHardwareInfo: this.#equipment,
      readMetrics: () => Promise.resolve(goodMetrics),
      loadedState: this.saved,
      loadQuality: this.loadQuality,
      startupAlerts: [],
      bootCounter: {
        read: async () => this.#trials,
        write: async (count) => void (this.#trials = this.#written(count)),
      },
      staging: {
        availableBytes: async () => 1e9,
        partialPath: async () => "/partial",
        stagedPath: () => "/staged",
        promote: async () => undefined,
        verify: async () => {
          if (this.stagedFailure !== undefined) throw this.stagedFailure;
        },
        read: async function* () {
          yield Buffer.from("image");
        },
        removeAllButPartial: async () => null,
        removeAllExcept: async () => undefined,
        discard: async () => undefined,
      },
      partialStore: { open: () => Promise.reject(new Error("No image is uploaded here.")) },
      downloader: {
        download: async ({ uris }, onProgress, signal) => {
          this.fetches.push(uris);
          await time.after(workMs, signal);
          onProgress({ receivedBytes: 500, totalBytes: 1_000 });
          await time.after(workMs, signal);
          if (this.fetchFailure !== undefined) throw this.fetchFailure;
          return { sha256: this.fetchedSha256 ?? digest, sizeBytes: 1_000 };
        },
      },
      installer: {
        receives: "file",
        restart: this.#restart,
        prepare: async () => undefined,
        install: async ({ version, operationId }, signal) => {
          await time.after(this.installMs, signal);
          if (this.installFailure !== undefined) throw this.installFailure;
          if (this.#isBroken) throw new AgentError("installer-failed", "It broke.");
          this.installs.push(operationId);
          this.#slots.other = version;
        },
        arm: async () => {
          if (this.#restart === "board") this.#slots.trial = true;
          else this.#slots.running = this.#slots.other;
        },
        runningVersion: async () => {
          await this.startHold;
          if (this.versionFailure !== undefined) throw this.versionFailure;
          return this.isVersionUnknown ? null : this.#slots.running;
        },
        healthy: async () => {
          if (this.healthFailure !== undefined) throw this.healthFailure;
        },
        commit: async () => void (this.#slots.isCommitted = true),
        revert: async () => {
          if (this.revertFailure !== undefined) throw this.revertFailure;
        },
      },
      trust: this.trust,
      rebootPort: { inhibitors: async () => this.inhibitors, reboot: async () => this.#order() },
      connect: this.#hub.connect,
      storeLastKnownGood: async () => void this.configurationsOf.push(this.#slots.running),
    };
  }

  /** The power is cut, and comes back. */
  async restart(): Promise<void> {
    await this.#agent?.stop();
    await this.powerOn();
  }

  #written<T>(content: T): T {
    this.writes += 1;
    const isReadOnly = this.#slots.running === this.readOnlyVersion;
    const refusal = isReadOnly ? readOnly() : this.refusal;
    if (refusal !== undefined) throw refusal;
    return content;
  }

  /** The boot loader: tries a new system once; one that was not committed gives way to the old one. */
  #boot(): void {
    const { running, other, trial, isCommitted } = this.#slots;
    if (trial && other === this.unbootableVersion) this.#slots = { running, other, trial: false, isCommitted };
    else if (trial || !isCommitted) this.#slots = { running: other, other: running, trial: false, isCommitted: !trial };
  }

  /** Somebody writes systems onto it by hand, and starts the first. */
  async flash(version: string, other = this.#slots.other): Promise<void> {
    await this.#agent?.stop();
    this.#slots = { ...this.#slots, running: version, other };
    await this.powerOn();
  }

  /** From now on, no installation succeeds. */
  breakInstall(): void {
    this.#isBroken = true;
  }

  /** The agent ends and starts again, in the same boot. */
  async restartAgent(): Promise<void> {
    await this.#agent?.stop();
    this.#agent = createAgent(this.#ports(), parseSettings([{ source: "test", values: this.#settings }]).settings);
    this.#agent.start();
    await settle();
  }

  #order(): void {
    if (this.rebootRefusal !== undefined) throw this.rebootRefusal;
    if (!this.forgetsReboot) void this.#reboot();
  }

  async #reboot(): Promise<void> {
    await this.#agent?.stop();
    await this.time.after(bootMs);
    await this.powerOn();
  }
}

function readOnly(): Error {
  return Object.assign(new Error("read-only file system"), { code: "EROFS" });
}

const usualSettings = { "update.installer": "command", "update.command.program": "/bin/true" };
