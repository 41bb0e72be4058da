import type { MethodReply } from "./contract/method-reply.ts";
import type { Snapshot } from "./contract/snapshot.ts";
import type { Settings } from "./config/settings.ts";
import type { ConnectionManager } from "./hub/connection-manager.ts";
import { delayOrAbort } from "./lib/abort.ts";
import type { Alerts } from "./lib/alerts.ts";
import type { RequestHandler } from "./methods/request-handler.ts";
import { recoverState, type RecoveryStatus } from "./operations/recovery.ts";
import type { StateStorage } from "./operations/state-storage.ts";
import type { AgentPorts } from "./ports.ts";
import type { RebootRunner } from "./reboot/runner.ts";
import type { MetricsMonitor } from "./telemetry/monitor.ts";
import type { DesiredHandler } from "./twin/desired-handler.ts";
import type { ReportedState } from "./twin/reported-state.ts";
import type { Reporter } from "./twin/reporter.ts";
import type { LeaseWatch } from "./update/lease-watch.ts";
import type { LocalUpload, UploadedImage } from "./update/local-upload.ts";
import { isPastStaging } from "./update/machine.ts";
import { receiveMetadata } from "./update/local-metadata.ts";
import type { UpdateRunner } from "./update/runner.ts";
import type { Activity } from "./watchdog/stall-detector.ts";
import { currentActivities } from "./watchdog/stall-limits.ts";

export interface AgentStatus {
  readonly snapshot: Snapshot;
  readonly link: { readonly up: boolean; readonly diagnosis: string | null };
  /** Whether the saved state is recovered after the start. */
  readonly isRecovered: boolean;
}

/** What a running agent is made of: create-agent.ts puts it together. */
export interface AgentParts {
  readonly ports: AgentPorts;
  readonly settings: Settings;
  readonly alerts: Alerts;
  readonly storage: StateStorage;
  readonly recovery: RecoveryStatus;
  readonly connection: ConnectionManager;
  readonly reporter: Reporter;
  readonly reportedState: ReportedState;
  readonly requestHandler: RequestHandler;
  readonly desiredHandler: DesiredHandler;
  readonly reboots: RebootRunner;
  readonly localUpload: LocalUpload;
  readonly updates: UpdateRunner;
  readonly leases: LeaseWatch;
  readonly monitor: MetricsMonitor;
  /** Aborted when the agent stops. */
  readonly stopping: AbortController;
}

/**
 * How long the recovery waits until it is known whether the clock is set: then the first report can say it, and no second one has to
 * correct it. Most boards know it before they are connected.
 */
const clockWaitMs = 1_000;

/** The agent of one board, from its start to its stop. */
export class Agent {
  readonly #parts: AgentParts;
  readonly #listeners = new Set<() => void>();
  /** Started once: the recovery, and the probes of hardware and clock. */
  #startup: readonly Promise<void>[] = [];
  /** Whether the hub was reached since the configuration was last stored. */
  #isConfigurationUnstored = false;

  constructor(parts: AgentParts) {
    this.#parts = parts;
    parts.storage.store.onChange(() => {
      this.#storeConfiguration();
      this.#changed();
    });
  }

  /**
   * Connects, recovers the saved state, and continues its jobs. Returns at once: methods are answered even while the disk or
   * the installer does not respond.
   */
  start(): void {
    const { connection, monitor, requestHandler, desiredHandler, reporter } = this.#parts;
    connection.start({
      onMethod: (name, payload) => requestHandler.handleMethod(name, payload),
      onMethodAnswered: (name, reply) => requestHandler.logMethod(name, reply),
      onDesired: (document, version) => void desiredHandler.handleDesired(document, version),
      onConnected: (reported, sendPatch, sendTelemetry) => {
        reporter.connected(reported, sendPatch);
        this.#offerState();
        this.#isConfigurationUnstored = true;
        this.#storeConfiguration();
        monitor.connected(sendTelemetry);
        this.#changed();
      },
      onReportedRead: (reported) => {
        reporter.reread(reported);
        this.#offerState();
      },
      onDisconnected: () => {
        reporter.disconnected();
        monitor.disconnected();
        this.#changed();
      },
    });
    monitor.start();
    const clockFound = this.#findClock();
    this.#startup = [this.#findHardwareInfo(), this.#recover(clockFound), clockFound];
  }

  /** Answers a direct method that is called on the board itself. Never rejects. */
  async callMethod(name: string, payload: unknown): Promise<MethodReply> {
    const { requestHandler, localUpload } = this.#parts;
    const reply = await requestHandler.handleMethod(name, payload, "board");
    requestHandler.logMethod(name, reply, "board");
    if (name === "firmwareUpdate") await localUpload.discardUnclaimed();
    return reply;
  }

  /** Verifies and keeps signed metadata that somebody has brought to the board; names its images. Never rejects. */
  async offerMetadata(files: ReadonlyMap<string, Uint8Array>, signal: AbortSignal): Promise<MethodReply> {
    const { trust, runtime } = this.#parts.ports;
    return await receiveMetadata(trust, files, runtime.log, signal);
  }

  /** Receives an image that is uploaded on the board. Resolves when it is complete on disk, or refused. Never rejects. */
  uploadImage(image: UploadedImage, signal: AbortSignal): Promise<MethodReply> {
    return this.#parts.localUpload.receive(image, signal);
  }

  /** The current activities with their stall limits, for the watchdog. */
  activities(): readonly Activity[] {
    const { ports, recovery, storage, updates, reboots, settings } = this.#parts;
    const facts = {
      nowMs: ports.runtime.bootClock.nowMs(),
      isRecovered: recovery.isRecovered,
      writes: storage.activity.current,
      update: updates.running,
      reboot: reboots.running,
    };
    return currentActivities(facts, settings);
  }

  /** The agent's status, for `systemctl status`. */
  status(): AgentStatus {
    const { connection, reportedState, recovery } = this.#parts;
    return {
      snapshot: reportedState.snapshot(),
      link: { up: connection.isConnected, diagnosis: connection.diagnosis },
      isRecovered: recovery.isRecovered,
    };
  }

  /** Calls back after what may have changed the status. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Stops within seconds, in a state from which the next start continues. */
  async stop(): Promise<void> {
    const { stopping, updates, leases, reboots, monitor, connection } = this.#parts;
    stopping.abort();
    const parts = [updates, leases, reboots, monitor, connection];
    await Promise.all([...this.#startup, ...parts.map((part) => part.stop())]);
  }

  /**
   * Enqueues the present state, which is sent only if the twin says something else: its hub may have been restored from a
   * backup, its device created anew, or another board may have written into it.
   */
  #offerState(): void {
    if (this.#parts.recovery.isRecovered) this.#parts.reportedState.publish();
  }

  /**
   * Stores the configuration as last known good, once for each connection. Not while an update changes the board: the configuration of a
   * system on trial must not replace that of the system to which a rollback returns.
   */
  #storeConfiguration(): void {
    const { ports, storage } = this.#parts;
    if (!this.#isConfigurationUnstored || isPastStaging(storage.store.state.update)) return;
    this.#isConfigurationUnstored = false;
    void ports.storeLastKnownGood?.();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  async #recover(clockFound: Promise<void>): Promise<void> {
    const { ports, alerts, storage, recovery, reportedState, reboots, leases, updates, desiredHandler, stopping } =
      this.#parts;
    const { runtime, installer, bootId, loadQuality } = ports;
    const { store, bootCounter } = storage;
    const { signal } = stopping;
    const isClockFound = new AbortController();
    void clockFound.then(() => isClockFound.abort());
    const [runningVersion] = await Promise.all([
      installer.runningVersion(signal).catch((cause: unknown) => {
        if (!signal.aborted) runtime.log.error({ err: cause }, "running version unknown");
        return null;
      }),
      delayOrAbort(runtime.timer, clockWaitMs, AbortSignal.any([signal, isClockFound.signal])),
    ]);
    reportedState.setVersion(runningVersion);
    await recoverState({ ...runtime, store, bootCounter, alerts }, { bootId, runningVersion, loadQuality }, signal);
    if (signal.aborted) return;
    recovery.markRecovered();
    this.#changed();
    this.#offerState();
    reboots.start();
    leases.start(); // Before the update goes on: its lease may have expired meanwhile.
    updates.start();
    await desiredHandler.resume();
    await storage.fillReserve(); // Last: nothing waits for it, and its first run writes to the disk.
  }

  /** Finds out whether the clock is set, and reports it. Slow where a program has to be started for that. */
  async #findClock(): Promise<void> {
    const { ports, reportedState } = this.#parts;
    reportedState.setClockSynchronized(await ports.runtime.wallClock.synchronized());
    this.#offerState();
  }

  async #findHardwareInfo(): Promise<void> {
    const { ports, reportedState, stopping } = this.#parts;
    try {
      const hardware = await ports.findHardwareInfo(stopping.signal);
      if (hardware !== null) reportedState.setHardware(hardware);
    } catch (cause) {
      if (!stopping.signal.aborted) ports.runtime.log.warn({ err: cause }, "hardware not probed");
    }
  }
}
