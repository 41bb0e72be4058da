import { delayOrAbort } from "./lib/abort.ts";
import { timestamp } from "./lib/clock.ts";
import { runtimeFor } from "./lib/runtime.ts";
import type { MethodReply } from "./contract/methods.ts";
import type { Snapshot } from "./contract/snapshot.ts";
import type { JsonObject } from "./contract/json.ts";
import { RequestHandler } from "./methods/request-handler.ts";
import { QuotaCounter } from "./hub/session.ts";
import { Reporter } from "./twin/reporter.ts";
import { progressPolicy } from "./twin/progress-throttle.ts";
import { ConnectionManager } from "./hub/connection-manager.ts";
import { PersistentStateStore } from "./state/store.ts";
import { logStateChanges } from "./operations/state-change-log.ts";
import type { AgentPorts } from "./ports.ts";
import { Alerts } from "./lib/alerts.ts";
import { ReportedState } from "./twin/reported-state.ts";
import { DiskReserve } from "./state/disk-reserve.ts";
import { RebootRunner } from "./reboot/runner.ts";
import { initialState, type AgentState } from "./operations/agent-state.ts";
import { isRebooting, isUpdateApplying, unblockReboot } from "./operations/blocking.ts";
import { currentActivities } from "./watchdog/stall-limits.ts";
import type { Activity } from "./watchdog/stall-detector.ts";
import type { Settings } from "./config/settings.ts";
import { WriteActivity } from "./state/write-activity.ts";
import { trustedTimestampSource } from "./lib/trusted-timestamp.ts";
import { createHealthCheck, waitForLink } from "./update/health-check.ts";
import { isRunning } from "./update/machine.ts";
import type { BootCounter } from "./update/ports.ts";
import { DryRunPipeline } from "./update/dry-run.ts";
import { untilApplyAllowed } from "./update/apply-gate.ts";
import { startTrialWatchdog } from "./update/trial-watchdog.ts";
import { UpdateRunner } from "./update/runner.ts";
import { StagingPipeline } from "./update/image-pipeline.ts";
import { RemoteConfigHandler } from "./config/remote-config-handler.ts";
import { EffectiveSettings } from "./config/effective-settings.ts";
import { MetricsMonitor } from "./telemetry/monitor.ts";
import { recoverState } from "./operations/recovery.ts";
import { validateWindows } from "./maintenance/cron.ts";
import { WindowGate } from "./maintenance/gate.ts";
import { splayFraction } from "./maintenance/window.ts";

interface AgentStatus {
  readonly snapshot: Snapshot;
  readonly link: { readonly up: boolean; readonly diagnosis: string | null };
  /** Whether the saved state is taken up after the start. */
  readonly isRecovered: boolean;
}

export interface Agent {
  /** Answers a direct method that is called on the board itself. Never rejects. */
  callMethod(name: string, payload: unknown): Promise<MethodReply>;
  /** The operation id of the update that is running; null when none is. */
  runningUpdateId(): string | null;
  /** What is under way now, each with how long it may go without moving: for a watchdog. */
  activeWork(): readonly Activity[];
  /** How the agent is now, for whoever looks at the service. */
  status(): AgentStatus;
  /** Calls back after what may have changed that. */
  onChange(listener: () => void): void;
  /** Stops within seconds, in a state that the next start goes on from. */
  stop(): Promise<void>;
}

/**
 * Puts the agent together around its ports, connects, takes up the saved state, and goes to work on it. Resolves at once:
 * a board that can be asked how it is must not wait for a disk or an installer that does not answer.
 */
export async function startAgent(ports: AgentPorts, settings: Settings): Promise<Agent> {
  const { runtime, bootId, installer, staging, mode } = ports;
  const { log, wallClock, bootClock, timer } = runtime;
  const stopping = new AbortController();
  const recovered = new AbortController(); // Its signal stands for "the saved state is taken up".
  const alerts = new Alerts(ports.startupAlerts);
  const { reserve } = ports;
  const diskReserve =
    reserve && new DiskReserve({ ...runtimeFor("reserve", runtime), reserve, alerts, stopping: stopping.signal });
  const writes = new WriteActivity();
  const inReserve = async (write: () => Promise<void>): Promise<void> =>
    await writes.track(() => (diskReserve === undefined ? write() : diskReserve.withReserve(write)));
  const trials: BootCounter = {
    read: () => ports.bootCounter.read(),
    write: (count) => inReserve(() => ports.bootCounter.write(count)),
  };
  const store = new PersistentStateStore<AgentState>(
    {
      ...runtimeFor("state", runtime),
      file: { save: (saved) => inReserve(() => ports.stateFile.save(saved)) },
      alerts,
      stopping: stopping.signal,
    },
    ports.loadedState ?? initialState(bootId),
  );
  logStateChanges(store, log);
  const effectiveSettings = new EffectiveSettings(store, settings, (problem) => {
    log.error({ problem }, "remote configuration not read");
    alerts.raise("remote configuration", `The configuration from the hub is not in force: ${problem}.`);
  });
  effectiveSettings.subscribe((present) => ports.setLogLevel(present.logLevel));
  const listeners = new Set<() => void>();
  const changed = (): void => listeners.forEach((listener) => listener());
  store.onChange(changed);
  const meter = new QuotaCounter();
  const reporter = new Reporter(log.child({ part: "reporter" }));
  const reportedState = new ReportedState({
    store,
    reporter,
    bootClock,
    alerts,
    progressPolicy: () => ({ ...progressPolicy, minIntervalMs: effectiveSettings.current.progressReportLeastMs }),
    facts: {
      agent: {
        version: ports.version,
        mode,
        startedAt: timestamp(wallClock),
        bootId,
        clockSynchronized: await wallClock.synchronized(),
      },
      board: ports.inventory,
      currentVersion: null,
    },
  });
  const reported = async (withinMs: number, until?: AbortSignal): Promise<void> => {
    const acknowledged = new AbortController();
    const either = until === undefined ? acknowledged.signal : AbortSignal.any([until, acknowledged.signal]);
    const lateness = delayOrAbort(timer, withinMs, either);
    await Promise.race([reporter.flushed(), lateness]);
    acknowledged.abort();
  };
  const stamp = trustedTimestampSource(runtime, (clockSynchronized) =>
    reportedState.setClockSynchronized(clockSynchronized),
  );
  const gate = new WindowGate({
    ...runtimeFor("windows", runtime),
    windows: () => effectiveSettings.current.maintenanceWindows,
    splayFraction: splayFraction(runtime.digest(ports.identity)),
  });
  const windowOpened: WindowGate["untilOpen"] = (onWait, signal) => gate.untilOpen(onWait, signal);
  const reboots = new RebootRunner({
    ...runtimeFor("reboot", runtime),
    store,
    bootId,
    rebootPort: ports.power,
    isUpdateApplying: () => isUpdateApplying(store.state),
    deadlineMs: settings.rebootDeadlineMs,
    reported,
    windowOpened,
    onWait: (wait) => reportedState.setWait("reboot", wait),
    stamp,
  });
  const maxImageBytes = settings.maxImageBytes;
  const requestHandler = new RequestHandler({
    ...runtimeFor("methods", runtime),
    store,
    bootId,
    mode,
    terms: () => ({
      simulated: mode === "simulated",
      canInstall: settings.installer !== "none",
      allowHttp: settings.allowHttp,
      windowConfigured: gate.isConfigured,
      maxImageBytes,
    }),
    window: () => gate.status(),
    roomBytes: () => staging.availableBytes(),
    inhibitors: () => ports.power.inhibitors(),
    snapshot: () => reportedState.snapshot(),
    logs: (asked) => ports.recentLog?.page(asked) ?? { lines: [], omitted: 0 },
    link: () => ({ up: supervisor.isConnected, diagnosis: supervisor.diagnosis, metered: meter.counts }),
    reported,
    recovered: async (withinMs) => {
      if (!recovered.signal.aborted && withinMs > 0) await delayOrAbort(timer, withinMs, recovered.signal);
      return recovered.signal.aborted;
    },
    stopping: stopping.signal,
  });
  const remoteConfig = new RemoteConfigHandler({
    ...runtimeFor("config", runtime),
    store,
    base: settings,
    validateWindows: (windows) => validateWindows(windows, wallClock.now().getTime()),
    isRecovered: () => recovered.signal.aborted,
    stopping: stopping.signal,
  });
  let newest: JsonObject | undefined;
  const supervisor = new ConnectionManager({
    ...runtimeFor("link", runtime),
    connect: ports.connect,
    quota: meter,
    onMethod: (name, payload) => requestHandler.handleMethod(name, payload),
    onMethodAnswered: (name, reply) => requestHandler.logMethod(name, reply),
    onDesired: (desired, version) => {
      newest = desired;
      // An update may ask for a window that came with it; and while windows are read, another document may come.
      void remoteConfig
        .handleDesired(desired, version)
        .then(() => (newest === desired ? requestHandler.handleDesired(desired, version) : undefined));
    },
    onConnected: (held, send, emit) => {
      reporter.connected(held, send);
      monitor.connected(emit);
      changed();
    },
    onDisconnected: () => {
      reporter.disconnected();
      monitor.disconnected();
      changed();
    },
  });
  const monitor = new MetricsMonitor({
    ...runtimeFor("health", runtime),
    read: ports.readMetrics,
    intervals: () => ({
      intervalMs: effectiveSettings.current.healthReportEveryMs,
      minIntervalMs: effectiveSettings.current.healthReportLeastMs,
    }),
    facts: () => ({ bootId, firmwareVersion: reportedState.snapshot().currentVersion }),
  });
  effectiveSettings.subscribe(() => monitor.settingsChanged());
  const updates = new UpdateRunner({
    ...runtimeFor("update", runtime),
    store,
    bootId,
    pipeline: new StagingPipeline({
      ...runtime,
      downloader: ports.fetcher,
      staging,
      installer,
      maxImageBytes,
      keepPartialMs: settings.keepPartialMs,
    }),
    dryRunPipeline:
      mode === "simulated"
        ? new DryRunPipeline(timer, settings.simulationPauseMs, () => installer.runningVersion())
        : undefined,
    health: createHealthCheck(
      { ...runtime, linkUp: () => supervisor.isConnected },
      { healthyForMs: settings.healthyForMs, deadlineMs: settings.proveWithinMs },
    ),
    bootCounter: trials,
    waitForLink: (until) => waitForLink({ ...runtime, linkUp: () => supervisor.isConnected }, until),
    untilApplyAllowed: (job, signal) =>
      untilApplyAllowed(
        {
          store,
          isRebooting: () => isRebooting(store.state),
          windowOpened,
          onWait: (wait) => reportedState.setWait("update", wait),
        },
        job,
        signal,
      ),
    isRebooting: () => isRebooting(store.state),
    alsoChanged: (update) => unblockReboot(store.state, update, bootClock.nowMs()),
    rebootBoard: (signal) => reboots.rebootForUpdate(signal),
    stamp,
    onProgress: (progress) => reportedState.setProgress(progress),
    onVersion: (version) => reportedState.setVersion(version),
  });

  startTrialWatchdog({
    ...runtimeFor("trial", runtime),
    store,
    alerts,
    bootId,
    healthDeadlineMs: settings.proveWithinMs,
    runningVersion: (signal) => installer.runningVersion(signal),
    reboot: () => ports.power.reboot({ force: true }, stopping.signal),
    stopping: stopping.signal,
  });

  const recover = async (): Promise<void> => {
    const runningVersion = await installer.runningVersion(stopping.signal).catch((cause: unknown) => {
      if (!stopping.signal.aborted) log.error({ err: cause }, "running version unknown");
      return null;
    });
    reportedState.setVersion(runningVersion);
    await recoverState(
      { ...runtime, store, bootCounter: trials, alerts },
      { bootId, runningVersion, loadQuality: ports.loadQuality },
      stopping.signal,
    );
    if (stopping.signal.aborted) return;
    recovered.abort();
    changed();
    reportedState.publish();
    reboots.start();
    updates.start();
    await remoteConfig.reevaluateDesired();
    requestHandler.reevaluateDesired();
    await diskReserve?.start(); // Last: it is for a day to come, and the first time it writes.
  };

  const findEquipment = async (): Promise<void> => {
    try {
      const equipment = await ports.findHardwareInfo(stopping.signal);
      if (equipment !== null) reportedState.setHardware(equipment);
    } catch (cause) {
      if (!stopping.signal.aborted) log.warn({ err: cause }, "the board's equipment not found out");
    }
  };

  supervisor.start();
  monitor.start();
  const found = findEquipment();
  const recovering = recover();
  return {
    callMethod: async (name, payload) => {
      const reply = await requestHandler.handleMethod(name, payload, "board");
      requestHandler.logMethod(name, reply, "board");
      return reply;
    },
    runningUpdateId: () => (isRunning(store.state.update) ? store.state.update.job.operationId : null),
    activeWork: () =>
      currentActivities(
        {
          nowMs: bootClock.nowMs(),
          isRecovered: recovered.signal.aborted,
          writes: writes.current,
          update: updates.running,
          reboot: reboots.running,
        },
        settings,
      ),
    status: () => ({
      snapshot: reportedState.snapshot(),
      link: { up: supervisor.isConnected, diagnosis: supervisor.diagnosis },
      isRecovered: recovered.signal.aborted,
    }),
    onChange: (listener) => void listeners.add(listener),
    async stop(): Promise<void> {
      stopping.abort();
      await Promise.all([recovering, found, updates.stop(), reboots.stop(), monitor.stop(), supervisor.stop()]);
    },
  };
}
