import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { fileURLToPath } from "node:url";
import packageJson from "../package.json" with { type: "json" };
import type { AgentPorts } from "./ports.ts";
import { timestamp } from "./lib/clock.ts";
import { kernelBootClock, readBootId } from "./board/hardware/boot.ts";
import { simulatedClock, systemRuntime, systemTimer } from "./board/hardware/clocks.ts";
import { nodeDisk } from "./board/fs/disk.ts";
import { rebootViaHelper } from "./board/systemd/reboot-helper.ts";
import { probeHardwareInfo, saveHardwareInfo, loadHardwareInfo } from "./board/hardware/hardware-info.ts";
import { HistoryFile } from "./board/fs/history-file.ts";
import { HttpsSource } from "./board/image/https-source.ts";
import { installViaHelper, verifiedByHelper } from "./board/systemd/install-helper.ts";
import { commandInstaller, requireStateOutside } from "./board/installers/command.ts";
import { noInstaller } from "./board/installers/none.ts";
import { execScript } from "./board/installers/exec-script.ts";
import { simulatedInstaller } from "./board/installers/simulated.ts";
import { readInventory } from "./board/hardware/inventory.ts";
import { saveLastKnownGood } from "./board/fs/last-known-good-file.ts";
import { rememberFolder } from "./board/fs/folder-identity.ts";
import { removeTempFiles } from "./board/fs/files.ts";
import { readInhibitors } from "./board/systemd/logind.ts";
import { FilePartialStore } from "./board/image/partial-store.ts";
import { commandReboot } from "./board/systemd/command-reboot.ts";
import { probeHubDate } from "./board/probes/network.ts";
import { probePowerSupply } from "./board/hardware/power-supply.ts";
import { boardBootClock, readBoard } from "./board/simulator/board.ts";
import { simulatedReboot } from "./board/simulator/run.ts";
import { StagingFolder } from "./board/image/staging.ts";
import { ChecksummedStateFile } from "./board/fs/state-file.ts";
import { DiskReserveFile } from "./board/fs/reserve-file.ts";
import { AuthorityFile } from "./board/fs/authority-file.ts";
import { BootCounterFile } from "./board/fs/boot-counter-file.ts";
import { readMetrics } from "./board/hardware/read-metrics.ts";
import { runtimeFor, type Runtime } from "./lib/runtime.ts";
import type { Config } from "./config/load.ts";
import type { HardwareInfo } from "./contract/snapshot.ts";
import { connectToAzure } from "./hub/azure-connection.ts";
import { EarlyConnection } from "./hub/early-connection.ts";
import type { LeveledLog, Log } from "./lib/log.ts";
import { helperFolder, installSocket } from "./config/paths.ts";
import type { RebootPort } from "./reboot/runner.ts";
import type { AgentState } from "./operations/agent-state.ts";
import { startupAlerts } from "./operations/startup-alerts.ts";
import type { HttpSource } from "./download/ports.ts";
import { Downloader, downloadLimits } from "./download/download.ts";
import { createTrustGate } from "./board/trust/trust-gate.ts";
import type { Installer, StagingArea } from "./update/ports.ts";
import type { TrustGate } from "./update/trust-gate.ts";

/** Between two attempts to read a saved state. */
const stateReadRetryMs = 2_000;
/** Probing the hardware starts programs, so it waits until the board has started everything else. */
const hardwareProbeDelayMs = 30_000;

/**
 * The adapters of the agent: this machine's, or those of a simulated board. Opens the first connection to the hub, reads the
 * saved state meanwhile, and removes what earlier processes have left half written.
 * @param boardFile the simulated board's own state; undefined on a real board
 */
export async function createAdapters(
  config: Config,
  log: LeveledLog,
  boardFile: string | undefined,
): Promise<AgentPorts> {
  log.info(
    {
      version: packageJson.version,
      device: config.hub.deviceId,
      module: config.hub.moduleId,
      hub: config.hub.hostName,
      host: hostname(),
      pid: process.pid,
    },
    "agent started",
  );
  const linkLog = log.child({ part: "link" });
  const hubAuthorities = new AuthorityFile(config.hubCaPath, config.hubCa, linkLog);
  const productInfo = `boardkeeper-agent/${packageJson.version}`;
  const hub = { address: config.hub, productInfo, timer: systemTimer, log: linkLog };
  const hubConnection = new EarlyConnection((signal) =>
    hubAuthorities.retryOnRefusal(() => connectToAzure({ ...hub, ca: hubAuthorities.pem }, signal)),
  );
  try {
    return {
      ...(await createLocalAdapters(config, log, boardFile, productInfo)),
      hubTimeMs: (signal) => probeHubDate(config.hub.host, config.hub.webSocketPort, signal),
      connect: hubConnection.connect,
      storeLastKnownGood: async () => {
        // The configuration as it was read at the start has not reached the hub where its authorities were replaced since.
        if (!hubAuthorities.isReplaced) await storeLastKnownGood(config, log);
      },
    };
  } catch (cause) {
    await hubConnection.discard();
    throw cause;
  }
}

/** The adapters of everything but the hub. */
async function createLocalAdapters(
  config: Config,
  log: LeveledLog,
  boardFile: string | undefined,
  productInfo: string,
): Promise<Omit<AgentPorts, "hubTimeMs" | "connect" | "storeLastKnownGood">> {
  const stateFile = new ChecksummedStateFile(config.stateDir, nodeDisk, () => systemTimer.after(stateReadRetryMs));
  const { saved, loadQuality, problems } = await stateFile.load();
  for (const problem of problems) log.error({ problem }, "saved state damaged");
  if (loadQuality === "older") log.error({ seq: saved?.seq ?? null }, "running on an older state, or a clean one");
  const stateFolder = await rememberFolder(config.stateDir);
  const staging = new StagingFolder(config.stagingDir, config.keepFreeBytes, config.stagingQuotaBytes);
  const board = boardFile === undefined ? undefined : await readBoard(boardFile);
  const bootId = board?.bootId ?? (await readBootId());
  const runtime: Runtime =
    board === undefined
      ? systemRuntime(log)
      : { ...systemRuntime(log), wallClock: simulatedClock, bootClock: boardBootClock(board, kernelBootClock) };
  const known = await loadHardwareInfo(config.stateDir);
  const partials = new FilePartialStore(bootId, runtime.bootClock, { keepFreeBytes: config.keepFreeBytes });
  await removeLeftovers(config.stateDir, staging, saved, log);
  const trust = await createTrustGate(config, {
    runtime: runtimeFor("trust", runtime),
    http: imageSource(config, log.child({ part: "trust" }), productInfo),
    simulated: board !== undefined,
    agentVersion: packageJson.version,
  });
  return {
    version: packageJson.version,
    mode: board === undefined ? "systemd" : "simulated",
    runtime,
    setLogLevel: (level) => log.setLevel(level),
    bootId,
    identity: `${config.hub.deviceId}/${config.hub.moduleId ?? ""}`,
    inventory: { ...(await readInventory()), equipment: known?.equipment ?? null },
    findHardwareInfo: (stopping) => findHardwareInfoOnce(config, bootId, known?.bootId, log, stopping),
    readMetrics: () => readMetrics({ folder: config.stateDir, power: probePowerSupply }),
    stateFile,
    recordHistory: new HistoryFile(config.stateDir).recorder({ log, now: () => timestamp(runtime.wallClock) }),
    loadedState: saved,
    loadQuality,
    startupAlerts: startupAlerts({
      configProblems: config.configProblems,
      saved,
      loadQuality,
      stateProblems: problems,
    }),
    bootCounter: new BootCounterFile(config.stateDir),
    reserve: new DiskReserveFile(config.stateDir),
    staging,
    partialStore: partials,
    downloader: createDownloader(config, runtime, partials, productInfo),
    installer: createInstaller(config, log, trust, boardFile),
    trust,
    rebootPort: board === undefined ? createRebootPort(config, log.child({ part: "reboot" }), bootId) : simulatedReboot,
    recentLog: log.recent,
    describeProcess: async () => ({
      pid: process.pid,
      ...config.fingerprints,
      lastKnownGood: config.configProblems.length > 0,
      stateFolder: await stateFolder(),
    }),
  };
}

/** Removes temporary files, and staged images where no update needs them. A failure is logged: the agent works without. */
async function removeLeftovers(
  stateDir: string,
  staging: StagingArea,
  saved: AgentState | undefined,
  log: Log,
): Promise<void> {
  try {
    await removeTempFiles(stateDir);
    if (saved === undefined || saved.update.phase === "idle") await staging.removeAllExcept([]);
  } catch (cause) {
    log.warn({ err: cause }, "leftovers of saves and updates were not removed");
  }
}

/** Probes the hardware once per boot; null when this boot's result is known already. */
async function findHardwareInfoOnce(
  { stateDir }: Config,
  bootId: string,
  knownIn: string | undefined,
  log: Log,
  stopping: AbortSignal,
): Promise<HardwareInfo | null> {
  if (knownIn === bootId) return null;
  await systemTimer.after(hardwareProbeDelayMs, stopping);
  const equipment = await probeHardwareInfo(fileURLToPath(import.meta.url), stopping);
  await saveHardwareInfo(stateDir, bootId, equipment).catch((cause: unknown) => {
    log.warn({ err: cause }, "hardware info not saved; the next start probes again");
  });
  return equipment;
}

/** Saves the configuration as last known good: it has reached the hub. Never rejects. */
async function storeLastKnownGood({ stateDir, lastKnownGoodText: text }: Config, log: Log): Promise<void> {
  if (text === undefined) return;
  try {
    if (await saveLastKnownGood(stateDir, text)) log.info({}, "last known good configuration stored");
  } catch (cause) {
    log.warn({ err: cause }, "last known good configuration not stored, trying again at the next connection");
  }
}

function createDownloader(config: Config, runtime: Runtime, partials: FilePartialStore, userAgent: string): Downloader {
  return new Downloader(
    {
      ...runtimeFor("download", runtime),
      source: imageSource(config, runtime.log.child({ part: "download" }), userAgent),
      partialStore: partials,
    },
    downloadLimits(config),
  );
}

/** Web servers, whose authorities are read anew when a certificate is not trusted. */
function imageSource(config: Config, log: Log, userAgent: string): HttpSource {
  const authorities = new AuthorityFile(config.imageCaPath, config.imageCa, log);
  return {
    get: async (asked, signal) =>
      await authorities.retryOnRefusal(async () => {
        const { allowHttp } = config;
        return await new HttpsSource({ allowHttp, ca: authorities.pem, userAgent }).get(asked, signal);
      }),
  };
}

function createRebootPort(config: Config, log: Log, bootId: string): RebootPort {
  const inhibitors = (): ReturnType<typeof readInhibitors> => readInhibitors(log);
  const command = config.rebootCommand;
  const viaHelper = (): RebootPort["reboot"] =>
    rebootViaHelper({
      folder: helperFolder,
      bootId,
      timer: systemTimer,
      newId: randomUUID,
      uptimeSeconds: async () => Number.parseFloat(await readFile("/proc/uptime", "utf8")),
      inhibitors,
    });
  return { reboot: command.length > 0 ? commandReboot(command) : viaHelper(), inhibitors };
}

function createInstaller(config: Config, log: Log, trust: TrustGate, boardFile: string | undefined): Installer {
  if (config.installer === "simulated" && boardFile !== undefined) {
    return simulatedInstaller(boardFile, systemTimer, config.simulationPauseMs);
  }
  const helper = {
    socket: installSocket,
    timer: systemTimer,
    bootClock: kernelBootClock,
    agentVersion: packageJson.version,
    readMetadata: () => trust.metadataForHelper(),
    limitMs: config.commandTimeLimitMs,
  };
  if (config.installer === "release" && boardFile === undefined) {
    // A release replaces no file system: the agent's state is safe wherever it lies.
    return installViaHelper({
      ...helper,
      installer: "release",
      restart: "service",
      requireStateOutside: async () => {},
    });
  }
  if (config.installer !== "command") return noInstaller();
  if (config.commandAsRoot) {
    return installViaHelper({
      ...helper,
      installer: "command",
      restart: config.commandRestart,
      requireStateOutside: () => requireStateOutside(config.stateDir, config.commandReplaces),
    });
  }
  if (config.commandProgram === null) return noInstaller();
  const own = commandInstaller({
    program: execScript(config.commandProgram),
    restart: config.commandRestart,
    timeLimitMs: config.commandTimeLimitMs,
    replaces: config.commandReplaces,
    stateDir: config.stateDir,
    log: log.child({ part: "installer" }),
  });
  if (boardFile !== undefined) return own;
  return verifiedByHelper(own, { ...helper, installer: "none" }, () => trust.status.rule);
}
