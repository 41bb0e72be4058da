#!/usr/bin/env node
import { createHash, randomUUID } from "node:crypto";
import { fstatSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import packageJson from "../package.json" with { type: "json" };
import { startAgent, type Agent } from "./agent.ts";
import { readArguments, UsageError, type Arguments } from "./arguments.ts";
import { kernelBootClock, readBootId } from "./board/boot.ts";
import { laptopClock, systemClock, systemTimer } from "./board/clocks.ts";
import { HistoryFile } from "./board/history-file.ts";
import { HttpsSource } from "./board/https-source.ts";
import { commandInstaller } from "./board/installers/command.ts";
import { noInstaller } from "./board/installers/none.ts";
import { simulatedInstaller } from "./board/installers/simulated.ts";
import { findEquipment, keepEquipment, keptEquipment } from "./board/equipment.ts";
import { readInventory } from "./board/inventory.ts";
import { FolderUnusable } from "./board/disk.ts";
import { keepLastGood } from "./board/last-good-file.ts";
import { collectLeftovers } from "./board/leftovers.ts";
import { FolderInUse, lockFolder } from "./board/lock.ts";
import { PartialFiles } from "./board/partial-file.ts";
import { askInhibitors } from "./board/logind.ts";
import { commandedReboot } from "./board/power.ts";
import { rebootThroughDoor } from "./board/door.ts";
import { serviceManager } from "./board/service-manager.ts";
import { readBoard } from "./board/simulated-board.ts";
import { fallWithTheBoard, simulatedPower } from "./board/simulated-power.ts";
import { FolderStaging } from "./board/staging.ts";
import { FolderStateFile } from "./board/state-file.ts";
import { openControlDoor, type ControlDoor, type LocalCallers } from "./board/control-door.ts";
import { FileReserve } from "./board/state-reserve.ts";
import { lookAtPower } from "./board/probes/power.ts";
import { FolderTrialRecord } from "./board/trial-record.ts";
import { readVitals } from "./board/vitals.ts";
import { ConfigError, loadConfig, type Config } from "./config.ts";
import type { Equipment } from "./contract/snapshot.ts";
import { connectToAzure } from "./hub/azure-link.ts";
import { asErrors, isJournald } from "./journald.ts";
import { createLog, journaldDestination, lineFor, type LeveledLog, type Log } from "./log.ts";
import type { Power } from "./reboot/runner.ts";
import { Attendant } from "./service/attendant.ts";
import { statusLine } from "./service/status.ts";
import { playBoard } from "./simulate.ts";
import { Download, downloadTerms } from "./update/download/download.ts";
import { controlSocketFor, doorFolder } from "./places.ts";
import type { Saved, Trust } from "./saved.ts";
import type { Installer, Staging } from "./update/ports.ts";
import { ImageIntake } from "./update/intake.ts";
import { usage } from "./usage.ts";

/** EX_USAGE and EX_CONFIG of sysexits.h: the simulated board, at which somebody sits, ends with a misconfigured agent. */
const exits = { ok: 0, failed: 1, usage: 64, config: 78 } as const;
/** A stop that takes longer than this is cut short: systemd and the simulated board kill soon after. */
const stopWithinMs = 4_500;
/** To find out what a board is made of takes programs, and nobody is in a hurry for it. */
const equipmentAfterMs = 30_000;

await main().catch((cause: unknown) => {
  tellError(`boardkeeper-agent: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}\n`);
  process.exitCode = exits.failed;
});

async function main(): Promise<void> {
  let given: Arguments;
  try {
    given = readArguments(process.argv.slice(2));
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause;
    process.stderr.write(`boardkeeper-agent: ${cause.message}\n\n${usage(cause.about)}`);
    process.exitCode = exits.usage;
    return;
  }
  const { command } = given;
  if (command === "help") process.stdout.write(usage(given.about));
  else if (command === "version") process.stdout.write(`${packageJson.version}\n`);
  else if (command === "run") process.exitCode = await run(given);
  else {
    // Loaded when one is typed: the agent itself has no use for them.
    const { perform } = await import("./commands/perform.ts");
    process.exitCode = await perform(command, given);
  }
}

async function run(given: Arguments): Promise<number> {
  try {
    const config = await loadConfig({ env: process.env, ...given });
    const log = await makeLog(config["agent.log-level"]);
    endOnTheUnexpected(log);
    for (const warning of config.warnings) log.warn({ warning }, "configured but not there");
    const boardFile = process.env["BOARDKEEPER_BOARD_FILE"];
    if (given.simulate && boardFile === undefined) return await runBoard(config, log.child({ part: "board" }));
    return await runAgent(config, log, given.simulate ? boardFile : undefined);
  } catch (cause) {
    if (cause instanceof ConfigError) {
      const list = cause.problems.map((one) => `  - ${one}\n`).join("");
      tellError(`boardkeeper-agent: the configuration has ${cause.problems.length} mistake(s):\n${list}`);
      return exits.config;
    }
    if (cause instanceof FolderInUse || cause instanceof FolderUnusable) {
      const remedy = cause instanceof FolderUnusable ? " It is set by agent.state-dir or --state-dir." : "";
      tellError(`boardkeeper-agent: ${cause.message}${remedy}\n`);
      return exits.failed;
    }
    throw cause;
  }
}

async function runBoard(config: Config, log: Log): Promise<number> {
  const lock = await lockFolder(join(config.stateDir, "board"));
  const status = await playBoard({
    program: fileURLToPath(import.meta.url),
    args: process.argv.slice(2),
    boardFile: join(config.stateDir, "board", "board.json"),
    firmwareVersion: config["simulation.firmware-version"] ?? "1.0.0",
    bootMs: config["simulation.boot-seconds"],
    log,
  });
  lock.close();
  return status;
}

async function runAgent(config: Config, log: LeveledLog, boardFile: string | undefined): Promise<number> {
  const stopped = stopSignal();
  if (boardFile !== undefined) fallWithTheBoard();
  const lock = await lockFolder(config.stateDir);
  for (const mistake of config.mistakes) log.error({ mistake }, "mistake in the configuration");
  if (config.mistakes.length > 0) log.error({ folder: config.stateDir }, "running with the last good configuration");
  const { agent, intake } = await assemble(config, log, boardFile);
  const door = await openDoor(config, agent, intake, log);
  const attendant = new Attendant({
    manager: serviceManager(process.env, log),
    timer: systemTimer,
    bootClock: kernelBootClock,
    log,
    work: () => agent.work(),
    status: () => statusLine({ ...agent.view(), hub: config.hub.hostName, device: config.hub.deviceId }),
  });
  agent.onChange(() => attendant.refresh());
  attendant.start();
  const signal = await stopped;
  log.info({ signal }, "stopping");
  const late = setTimeout(() => {
    log.warn({}, "stopping took too long and was cut short");
    process.exit(exits.ok); // What is saved is saved: the next start goes on from it.
  }, stopWithinMs);
  late.unref(); // It must not keep a process alive that has nothing left to do.
  await door?.close();
  await Promise.all([attendant.stop(), agent.stop()]);
  lock.close();
  log.info({}, "stopped");
  return exits.ok;
}

/** The door for commands on the board. The agent does its work without one too. */
async function openDoor(
  { stateDir }: Config,
  agent: Agent,
  intake: ImageIntake,
  log: Log,
): Promise<ControlDoor | undefined> {
  const path = controlSocketFor(process.env, stateDir);
  const callers: LocalCallers = {
    method: async (name, payload) => {
      const reply = await agent.ask(name, payload);
      if (name === "firmwareUpdate") await intake.settle();
      return reply;
    },
    image: (image, signal) => intake.take(image, signal),
  };
  return await openControlDoor({ path, stateDir }, callers, log.child({ part: "door" })).catch((cause: unknown) => {
    log.warn({ err: cause, path }, "no door for commands on this board");
    return undefined;
  });
}

/** Gives the agent its adapters: this machine's, or those of the board that is played under it. */
async function assemble(
  config: Config,
  log: LeveledLog,
  boardFile: string | undefined,
): Promise<{ agent: Agent; intake: ImageIntake }> {
  const stateFile = new FolderStateFile(config.stateDir);
  const { saved, trust, problems } = await stateFile.load();
  for (const problem of problems) log.error({ problem }, "saved state damaged");
  if (trust === "older") log.error({ seq: saved?.seq ?? null }, "running on an older state, or a clean one");
  const staging = new FolderStaging(config.stagingDir, config["update.keep-free"], config["update.staging-quota"]);
  await collect(config.stateDir, staging, saved, log);
  const board = boardFile === undefined ? undefined : await readBoard(boardFile);
  const bootId = board?.bootId ?? (await readBootId());
  const known = await keptEquipment(config.stateDir);
  const linkLog = log.child({ part: "link" });
  const productInfo = `boardkeeper-agent/${packageJson.version}`;
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
  const partials = new PartialFiles(bootId, kernelBootClock, { keepFreeBytes: config["update.keep-free"] });
  const agent = await startAgent(
    {
      version: packageJson.version,
      mode: board === undefined ? "systemd" : "simulated",
      log,
      logLevel: (level) => log.setLevel(level),
      clock: board === undefined ? systemClock() : laptopClock,
      bootClock: kernelBootClock,
      timer: systemTimer,
      random: Math.random,
      newOperationId: randomUUID,
      digest: (text) => createHash("sha256").update(text).digest("hex"),
      bootId,
      identity: `${config.hub.deviceId}/${config.hub.moduleId ?? ""}`,
      inventory: { ...(await readInventory()), equipment: known?.equipment ?? null },
      equipment: (stopping) => findOnce(config, bootId, known?.bootId, log, stopping),
      vitals: () => readVitals({ folder: config.stateDir, power: lookAtPower }),
      stateFile: new HistoryFile(config.stateDir).following(stateFile, { log, now: () => new Date().toISOString() }),
      loaded: saved,
      trust,
      problems: [...lastGoodWords(config), ...savedStateWords(saved, trust, problems)],
      trials: new FolderTrialRecord(config.stateDir),
      reserve: new FileReserve(config.stateDir),
      staging,
      fetcher: makeDownload(config, log, partials, productInfo),
      installer: makeInstaller(config, log, boardFile),
      power: board === undefined ? makePower(config, log.child({ part: "power" }), bootId) : simulatedPower,
      recentLog: log.recent,
      connect: async (signal) => {
        const connection = await connectToAzure(
          { address: config.hub, ca: config.hubCa, productInfo, log: linkLog },
          signal,
        );
        void keepGood(config, log);
        return connection;
      },
    },
    config,
  );
  const intake = new ImageIntake({
    staging,
    partials,
    largestImageBytes: config["update.max-image-size"],
    updating: () => agent.updating(),
    log: log.child({ part: "intake" }),
  });
  return { agent, intake };
}

/** Removes what nobody will ask for: an update that is known removes its own. The agent works without that too. */
async function collect(stateDir: string, staging: Staging, saved: Saved | undefined, log: Log): Promise<void> {
  try {
    await collectLeftovers(stateDir);
    if (saved === undefined || saved.update.phase === "idle") await staging.clear([]);
  } catch (cause) {
    log.warn({ err: cause }, "what is left of saves and updates was not removed");
  }
}

/** Once per boot, and when the board has had time to start everything else. */
async function findOnce(
  { stateDir }: Config,
  bootId: string,
  knownIn: string | undefined,
  log: Log,
  stopping: AbortSignal,
): Promise<Equipment | null> {
  if (knownIn === bootId) return null;
  await systemTimer.after(equipmentAfterMs, stopping);
  const equipment = await findEquipment(stopping);
  await keepEquipment(stateDir, bootId, equipment).catch((cause: unknown) => {
    log.warn({ err: cause }, "equipment not kept: it is found out again at the next start");
  });
  return equipment;
}

function lastGoodWords({ mistakes }: Config): string[] {
  if (mistakes.length === 0) return [];
  const many = mistakes.length === 1 ? "a mistake" : `${mistakes.length} mistakes`;
  return [`The configuration has ${many}, so the last good one runs. Mend it, then restart the agent.`, ...mistakes];
}

function savedStateWords(saved: Saved | undefined, trust: Trust, problems: readonly string[]): string[] {
  const words = problems.map((one) => `Saved state: ${one}`);
  if (trust !== "older") return words;
  const instead =
    saved === undefined
      ? "Saved state: there is no copy that can be read, so the agent began with a clean one."
      : "Saved state: the copy before is used; an update or a reboot that had not begun in it is not carried out.";
  return [instead, ...words];
}

/** A configuration that has reached the hub is good. The agent does not wait for the disk, nor end when it refuses. */
async function keepGood({ stateDir, toKeep }: Config, log: Log): Promise<void> {
  if (toKeep === undefined) return;
  try {
    if (await keepLastGood(stateDir, toKeep)) log.info({}, "good configuration kept");
  } catch (cause) {
    log.warn({ err: cause }, "good configuration not kept, trying again at the next connection");
  }
}

function makeDownload(config: Config, log: Log, partials: PartialFiles, userAgent: string): Download {
  return new Download(
    {
      source: new HttpsSource({ allowHttp: config["update.allow-http"], ca: config.imageCa, userAgent }),
      partials,
      timer: systemTimer,
      bootClock: kernelBootClock,
      random: Math.random,
      log: log.child({ part: "download" }),
    },
    downloadTerms(config),
  );
}

function makePower(config: Config, log: Log, bootId: string): Power {
  const inhibitors = (): ReturnType<typeof askInhibitors> => askInhibitors(log);
  const command = config["reboot.command"];
  const throughDoor = (): Power["reboot"] =>
    rebootThroughDoor({
      folder: doorFolder,
      bootId,
      timer: systemTimer,
      newId: randomUUID,
      uptimeSeconds: async () => Number.parseFloat(await readFile("/proc/uptime", "utf8")),
      inhibitors,
    });
  return { reboot: command.length > 0 ? commandedReboot(command) : throughDoor(), inhibitors };
}

function makeInstaller(config: Config, log: Log, boardFile: string | undefined): Installer {
  const program = config["update.command.program"];
  if (config["update.installer"] === "command" && program !== null) {
    return commandInstaller({
      program,
      restart: config["update.command.restart"],
      timeLimitMs: config["update.command.time-limit-seconds"],
      replaces: config["update.command.replaces"],
      stateDir: config.stateDir,
      log: log.child({ part: "installer" }),
    });
  }
  if (config["update.installer"] === "simulated" && boardFile !== undefined) {
    return simulatedInstaller(boardFile, systemTimer, config["simulation.pause-seconds"]);
  }
  return noInstaller();
}

/** JSON lines for journald and programs; readable ones for a person at a terminal. */
async function makeLog(level: Config["agent.log-level"]): Promise<LeveledLog> {
  if (isJournald(process.env, fstatSync(1))) return createLog(level, journaldDestination());
  if (!process.stdout.isTTY) return createLog(level);
  const { default: pretty } = await import("pino-pretty");
  const messageFormat = (line: Record<string, unknown>, key: string): string => lineFor(line["part"], line[key]);
  return createLog(level, pretty({ sync: true, ignore: "part", messageFormat }));
}

function tellError(text: string): void {
  process.stderr.write(asErrors(text, isJournald(process.env, fstatSync(2))));
}

/**
 * What nobody has caught has left nobody knows what: the log keeps its cause, and the next process goes on from what was
 * saved. Rejections without a handler arrive here too.
 */
function endOnTheUnexpected(log: Log): void {
  process.on("uncaughtException", (cause, origin) => {
    log.fatal({ err: cause, origin }, "unexpected error, ending");
    process.exit(exits.failed);
  });
}

function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    process.once("SIGTERM", () => resolve("SIGTERM"));
    process.once("SIGINT", () => resolve("SIGINT"));
  });
}
