import { Agent } from "./agent.ts";
import { EffectiveSettings } from "./config/effective-settings.ts";
import { RemoteConfigHandler } from "./config/remote-config-handler.ts";
import type { Settings } from "./config/settings.ts";
import { ConnectionManager } from "./hub/connection-manager.ts";
import { formatLinkStatus } from "./hub/link-status.ts";
import { QuotaCounter } from "./hub/quota-counter.ts";
import { messageObstacle } from "./contract/message-obstacle.ts";
import { Alerts } from "./lib/alerts.ts";
import { timestamp, type WallClock } from "./lib/clock.ts";
import { runtimeFor } from "./lib/runtime.ts";
import { trustedTimestampSource } from "./lib/trusted-timestamp.ts";
import { validateWindows } from "./maintenance/cron.ts";
import { WindowGate } from "./maintenance/window-gate.ts";
import { splayFraction } from "./maintenance/window.ts";
import { RequestHandler } from "./methods/request-handler.ts";
import { isRebooting, isUpdateApplying, runningUpdateId, unblockReboot } from "./operations/blocking.ts";
import { RecoveryStatus } from "./operations/recovery.ts";
import { imageOf, operationIdInUse } from "./operations/remembered-operations.ts";
import { logStateChanges } from "./operations/state-change-log.ts";
import { createStateStorage } from "./operations/state-storage.ts";
import type { AgentPorts } from "./ports.ts";
import { RebootRunner } from "./reboot/runner.ts";
import { MetricsMonitor } from "./telemetry/monitor.ts";
import { DesiredHandler } from "./twin/desired-handler.ts";
import { progressPolicy } from "./twin/progress-throttle.ts";
import { ReportedState } from "./twin/reported-state.ts";
import { flushedWithin, Reporter } from "./twin/reporter.ts";
import { reportTrust } from "./twin/report-trust.ts";
import { untilApplyAllowed } from "./update/apply-gate.ts";
import { DesiredFirmwareHandler } from "./update/desired-firmware-handler.ts";
import { DryRunPipeline } from "./update/dry-run-pipeline.ts";
import { createHealthCheck, waitForLink } from "./update/health-check.ts";
import { StagingPipeline } from "./update/image-pipeline.ts";
import { LeaseWatch } from "./update/lease-watch.ts";
import { LocalUpload } from "./update/local-upload.ts";
import type { UpdateLimits } from "./update/validate-request.ts";
import { UpdateRunner } from "./update/runner.ts";
import { startTrialWatchdog } from "./update/trial-watchdog.ts";

/**
 * Builds the agent from its ports, in this order: saved state, hub, reboots, updates, requests, monitoring. Each part uses
 * only parts that were built before it.
 */
export function createAgent(ports: AgentPorts, settings: Settings): Agent {
  const { runtime, bootId, mode, installer, staging, rebootPort, trust } = ports;
  const { log, wallClock, bootClock, timer } = runtime;
  const stopping = new AbortController();
  const alerts = new Alerts(ports.startupAlerts);

  // The saved state, and the settings that the hub has set.
  const storage = createStateStorage(ports, alerts, stopping.signal);
  const { store, bootCounter } = storage;
  logStateChanges(store, log);
  const recovery = new RecoveryStatus(timer);
  const effectiveSettings = new EffectiveSettings(store, settings, (problem) => {
    log.error({ problem }, "remote configuration not read");
    alerts.raise("remote configuration", `The configuration from the hub is not in force: ${problem}.`);
  });
  effectiveSettings.subscribe(({ logLevel }) => ports.setLogLevel(logLevel));

  // The hub: the connection, and what the twin reports.
  const quota = new QuotaCounter();
  const connection = new ConnectionManager({
    ...runtimeFor("link", runtime),
    connect: ports.connect,
    hubTimeMs: ports.hubTimeMs,
    quota,
  });
  const linkUp = (): boolean => connection.isConnected;
  const reporter = new Reporter(log.child({ part: "reporter" }), bootClock);
  const reportedState = new ReportedState({
    store,
    reporter,
    bootClock,
    alerts,
    trust,
    progressPolicy: () => ({ ...progressPolicy, minIntervalMs: effectiveSettings.current.progressReportLeastMs }),
    facts: {
      agent: {
        version: ports.version,
        mode,
        startedAt: timestamp(wallClock),
        bootId,
        clockSynchronized: null, // Found out at the start: nothing waits for it.
      },
      board: ports.inventory,
      currentVersion: null,
    },
  });
  const flushReports = (withinMs: number, signal?: AbortSignal): Promise<void> =>
    flushedWithin(reporter, timer, withinMs, signal);
  const trustedTimestamp = trustedTimestampSource(runtime, (isSynchronized) =>
    reportedState.setClockSynchronized(isSynchronized),
  );

  // Whoever waits for the clock to be set finds it out first: the twin says it with the next change.
  const observedClock: WallClock = {
    now: () => wallClock.now(),
    synchronized: async () => {
      const isSynchronized = await wallClock.synchronized();
      reportedState.setClockSynchronized(isSynchronized);
      return isSynchronized;
    },
  };

  // Reboots, in maintenance windows where requested.
  const gate = new WindowGate({
    ...runtimeFor("windows", runtime),
    wallClock: observedClock,
    windows: () => effectiveSettings.current.maintenanceWindows,
    splayFraction: splayFraction(runtime.digest(ports.identity)),
  });
  const untilWindowOpen: WindowGate["untilOpen"] = (onWait, signal) => gate.untilOpen(onWait, signal);
  const reboots = new RebootRunner({
    ...runtimeFor("reboot", runtime),
    store,
    bootId,
    rebootPort,
    isUpdateApplying: () => isUpdateApplying(store.state),
    deadlineMs: settings.rebootDeadlineMs,
    flushReports,
    untilWindowOpen,
    onWait: (wait) => reportedState.setWait("reboot", wait),
    trustedTimestamp,
  });

  // Updates: images that are uploaded or downloaded, installed, and proven.
  const { maxImageBytes } = settings;
  const localUpload = new LocalUpload({
    ...runtimeFor("local-upload", runtime),
    staging,
    partialStore: ports.partialStore,
    maxImageBytes,
    trust,
    runningUpdateId: () => runningUpdateId(store.state),
  });
  const pipeline = new StagingPipeline({
    ...runtime,
    downloader: localUpload.preemptedBy(ports.downloader),
    staging,
    installer,
    maxImageBytes,
    protectedPartials: () => localUpload.protectedImages,
    keepPartialMs: settings.keepPartialMs,
  });
  const leases = new LeaseWatch({ ...runtimeFor("lease", runtime), wallClock: observedClock, store });
  const applyGate = {
    store,
    wallClock: observedClock,
    timer,
    isRebooting: () => isRebooting(store.state),
    untilWindowOpen,
    onWait: reportedState.setWait.bind(reportedState, "update"),
  };
  const updates = new UpdateRunner({
    ...runtimeFor("update", runtime),
    store,
    bootId,
    pipeline,
    dryRunPipeline:
      mode === "simulated"
        ? new DryRunPipeline(timer, settings.simulationPauseMs, () => installer.runningVersion())
        : undefined,
    trust,
    health: createHealthCheck(
      { ...runtime, linkUp },
      { healthyForMs: settings.healthyForMs, deadlineMs: settings.proveWithinMs },
    ),
    bootCounter,
    waitForLink: (signal) => waitForLink({ ...runtime, linkUp }, signal),
    untilApplyAllowed: (job, signal) => untilApplyAllowed(applyGate, job, signal),
    isRebooting: applyGate.isRebooting,
    relatedChanges: (update) => unblockReboot(store.state, update, bootClock.nowMs()),
    rebootBoard: (signal) => reboots.rebootForUpdate(signal),
    trustedTimestamp,
    onProgress: (progress) => reportedState.setProgress(progress),
    onRetry: (reason) => reportedState.setRetry(reason),
    onVersion: (version) => reportedState.setVersion(version),
  });
  startTrialWatchdog({
    ...runtimeFor("trial", runtime),
    store,
    alerts,
    bootId,
    healthDeadlineMs: settings.proveWithinMs,
    runningVersion: (signal) => installer.runningVersion(signal),
    reboot: () => rebootPort.reboot({ force: true }, stopping.signal),
    stopping: stopping.signal,
  });

  reportTrust(trust, alerts, reportedState);

  // Requests: direct methods, and the desired document.
  const limits = (): UpdateLimits => ({
    simulated: mode === "simulated",
    canInstall: settings.installer !== "none",
    allowHttp: settings.allowHttp,
    windowConfigured: gate.isConfigured,
    maxImageBytes,
    trust: trust.status.rule,
    repository: settings.repository,
  });
  const requestHandler = new RequestHandler({
    ...runtimeFor("methods", runtime),
    store,
    bootId,
    mode,
    limits,
    trust,
    window: () => gate.status(),
    availableImageBytes: () => staging.availableBytes(),
    inhibitors: () => rebootPort.inhibitors(),
    snapshot: () => reportedState.snapshot(),
    logs: (asked) => ports.recentLog?.page(asked) ?? { lines: [], omitted: 0 },
    link: () => ({
      ...formatLinkStatus(connection.status, bootClock.nowMs()),
      desiredVersion: desiredHandler.handledVersion,
      reporting: reporter.status,
      metered: quota.counts,
    }),
    process: async () => (await ports.describeProcess?.()) ?? {},
    flushReports,
    awaitRecovery: (withinMs) => recovery.within(withinMs),
  });
  const desiredHandler = new DesiredHandler({
    ...runtimeFor("methods", runtime),
    alerts,
    isRecovered: () => recovery.isRecovered,
    remoteConfig: new RemoteConfigHandler({
      ...runtimeFor("config", runtime),
      store,
      base: settings,
      validateWindows: (windows) => validateWindows(windows, wallClock.now().getTime()),
      stopping: stopping.signal,
    }),
    firmware: new DesiredFirmwareHandler({
      ...runtimeFor("methods", runtime),
      store,
      limits,
      trust,
      currentVersion: () => reportedState.snapshot().currentVersion,
      operationIdInUse: (job) =>
        operationIdInUse(store.state, {
          operationId: job.operationId,
          method: "firmwareUpdate",
          image: imageOf(job),
        }),
      stopping: stopping.signal,
    }),
  });

  // Monitoring.
  const obstacle = messageObstacle(ports.identity);
  if (obstacle !== null) {
    log.warn({ reason: obstacle }, "no health messages");
    alerts.raise("messages", obstacle);
  }
  const monitor = new MetricsMonitor({
    ...runtimeFor("health", runtime),
    read: ports.readMetrics,
    intervals: () => ({
      intervalMs: obstacle === null ? effectiveSettings.current.healthReportEveryMs : 0,
      minIntervalMs: effectiveSettings.current.healthReportLeastMs,
    }),
    facts: () => ({ bootId, firmwareVersion: reportedState.snapshot().currentVersion }),
    alerts,
  });
  effectiveSettings.subscribe(() => monitor.settingsChanged());

  return new Agent({
    ports,
    settings,
    alerts,
    storage,
    recovery,
    connection,
    reporter,
    reportedState,
    requestHandler,
    desiredHandler,
    reboots,
    localUpload,
    updates,
    leases,
    monitor,
    stopping,
  });
}
