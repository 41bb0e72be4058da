import { fstatSync } from "node:fs";
import type { Server } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import packageJson from "../package.json" with { type: "json" };
import type { Agent } from "./agent.ts";
import { parseArguments, UsageError, type Arguments } from "./cli/arguments.ts";
import { systemRuntime, systemTimer } from "./board/hardware/clocks.ts";
import { serveLocalApi, type LocalApiServer, type LocalApiHandlers } from "./board/local-api/server.ts";
import { FolderUnusable } from "./board/fs/disk.ts";
import { FolderInUse, lockFolderAsService, lockFolder } from "./board/fs/folder-lock.ts";
import { systemdServiceManager } from "./board/systemd/notify.ts";
import { ConfigError, loadConfig, type Config } from "./config/load.ts";
import { withErrorPriority, isJournaldStream, journaldDestination } from "./lib/journald.ts";
import { releaseStartMemory } from "./lib/garbage-collection.ts";
import { createLog, formatTerminalLine, type LeveledLog, type Log } from "./lib/log.ts";
import { localApiSocketOf } from "./config/paths.ts";
import { ServiceWatchdog } from "./watchdog/service-watchdog.ts";
import { statusLine } from "./watchdog/status-line.ts";
import { runSimulatedBoard, exitWithParent } from "./board/simulator/run.ts";
import { usageText } from "./cli/usage.ts";

/** Exit codes; 64 and 78 are EX_USAGE and EX_CONFIG of sysexits.h. */
const exits = { ok: 0, failed: 1, usage: 64, config: 78 } as const;
/** A stop that takes longer exits at once: systemd and the simulated board send SIGKILL soon after. */
const stopWithinMs = 4_500;
/** After the first reports, and the hardware of the board. */
const releaseStartMemoryAfterMs = 60_000;
main().catch((cause: unknown) => {
  printError(`boardkeeper-agent: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}\n`);
  process.exit(exits.failed); // Whatever is open, such as a connection that nobody would answer.
});

async function main(): Promise<void> {
  let given: Arguments;
  try {
    given = parseArguments(process.argv.slice(2));
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause;
    process.stderr.write(`boardkeeper-agent: ${cause.message}\n\n${usageText(cause.about)}`);
    process.exitCode = exits.usage;
    return;
  }
  const { command } = given;
  if (command === "help") process.stdout.write(usageText(given.about));
  else if (command === "version") process.stdout.write(`${packageJson.version}\n`);
  else if (command === "run") process.exitCode = await run(given);
  else {
    // Loaded for a command only: the running agent does not need them.
    const { dispatch } = await import("./cli/dispatch.ts");
    process.exitCode = await dispatch(command, given);
  }
}

async function run(given: Arguments): Promise<number> {
  try {
    const config = await loadConfig({ env: process.env, ...given });
    const log = await createAgentLog(config.logLevel);
    exitOnUncaughtError(log);
    for (const warning of config.warnings) log.warn({ warning }, "configured, but missing");
    const boardFile = process.env["BOARDKEEPER_BOARD_FILE"];
    if (given.simulate && boardFile === undefined) return await runBoard(config, log.child({ part: "board" }));
    return await runAgent(config, log, given.simulate ? boardFile : undefined);
  } catch (cause) {
    if (cause instanceof ConfigError) {
      const list = cause.problems.map((one) => `  - ${one}\n`).join("");
      printError(`boardkeeper-agent: the configuration has ${cause.problems.length} mistake(s):\n${list}`);
      return exits.config;
    }
    if (cause instanceof FolderInUse || cause instanceof FolderUnusable) {
      const remedy = cause instanceof FolderUnusable ? " It is set by agent.state-dir or --state-dir." : "";
      printError(`boardkeeper-agent: ${cause.message}${remedy}\n`);
      return exits.failed;
    }
    throw cause;
  }
}

async function runBoard(config: Config, log: Log): Promise<number> {
  const lock = await lockFolder(join(config.stateDir, "board"));
  const status = await runSimulatedBoard({
    program: fileURLToPath(import.meta.url),
    args: process.argv.slice(2),
    boardFile: join(config.stateDir, "board", "board.json"),
    firmwareVersion: config.simulationFirmwareVersion,
    bootMs: config.simulationBootMs,
    log,
  });
  lock.close();
  return status;
}

async function runAgent(config: Config, log: LeveledLog, boardFile: string | undefined): Promise<number> {
  const stopped = stopSignal();
  if (boardFile !== undefined) exitWithParent();
  // Here, because it loads the Azure SDK: a command on the board, or a simulated board around its agent, has no use for it.
  const loading = import("./adapters.ts");
  const lock = await lockStateFolder(config, log);
  for (const mistake of config.configProblems) log.error({ mistake }, "mistake in the configuration");
  if (config.configProblems.length > 0)
    log.error({ folder: config.stateDir }, "running with the last known good configuration");
  const { createAdapters } = await loading;
  const adapters = await createAdapters(config, log, boardFile);
  // After those have begun to connect: what follows is loaded while the hub answers.
  const { createAgent } = await import("./create-agent.ts");
  const agent = createAgent(adapters, config);
  const localApi = await openLocalApi(config, agent, log);
  agent.start();
  const watchdog = new ServiceWatchdog({
    manager: systemdServiceManager(process.env, log),
    ...systemRuntime(log),
    activities: () => agent.activities(),
    status: () => statusLine({ ...agent.status(), hub: config.hub.hostName, device: config.hub.deviceId }),
  });
  agent.onChange(() => watchdog.refresh());
  watchdog.start();
  setTimeout(() => releaseStartMemory(process.versions.v8), releaseStartMemoryAfterMs).unref();
  const signal = await stopped;
  log.info({ signal }, "stopping");
  const late = setTimeout(() => {
    log.warn({}, "stopping took too long, exiting now");
    process.exit(exits.ok); // The next start continues from the saved state.
  }, stopWithinMs);
  late.unref(); // It must not keep a process alive that has nothing left to do.
  await localApi?.close();
  await Promise.all([watchdog.stop(), agent.stop()]);
  lock?.close();
  log.info({}, "stopped");
  return exits.ok;
}

/** Locks the state folder against other agents. Undefined where another user's program holds the lock's name. */
async function lockStateFolder({ stateDir }: Config, log: Log): Promise<Server | undefined> {
  if (!process.env["NOTIFY_SOCKET"]) return await lockFolder(stateDir);
  const isAgentRunning = async (): Promise<boolean> => {
    const { callMethod } = await import("./board/local-api/client.ts");
    return await callMethod(stateDir, "getStatus").then(
      (reply) => reply !== undefined,
      () => true, // An agent that hangs, or whose API this user may not open, does run.
    );
  };
  const lock = await lockFolderAsService(stateDir, isAgentRunning, systemTimer);
  if (lock === undefined) {
    const remedy =
      "find that program: sudo ss -xlp | grep boardkeeper-agent; until it has ended, start no other agent by hand";
    log.error({ remedy }, "another program holds the name of the state folder's lock, continuing without the lock");
  }
  return lock;
}

/** Opens the local API for commands on the board. Undefined when that fails: the agent works without it. */
async function openLocalApi({ stateDir }: Config, agent: Agent, log: Log): Promise<LocalApiServer | undefined> {
  const path = localApiSocketOf(process.env, stateDir);
  const handlers: LocalApiHandlers = {
    method: (name, payload) => agent.callMethod(name, payload),
    metadata: (files, signal) => agent.offerMetadata(files, signal),
    image: (image, signal) => agent.uploadImage(image, signal),
  };
  return await serveLocalApi({ path, stateDir }, handlers, log.child({ part: "local-api" })).catch((cause: unknown) => {
    log.warn({ err: cause, path }, "no local API: commands on this board cannot reach the agent");
    return undefined;
  });
}

/** JSON lines for journald and programs; readable ones for a person at a terminal. */
async function createAgentLog(level: Config["logLevel"]): Promise<LeveledLog> {
  if (isJournaldStream(process.env, fstatSync(1))) return createLog(level, journaldDestination());
  if (!process.stdout.isTTY) return createLog(level);
  const { default: pretty } = await import("pino-pretty");
  const messageFormat = (line: Record<string, unknown>, key: string): string =>
    formatTerminalLine(line["part"], line[key]);
  return createLog(level, pretty({ sync: true, ignore: "part", messageFormat }));
}

function printError(text: string): void {
  process.stderr.write(withErrorPriority(text, isJournaldStream(process.env, fstatSync(2))));
}

/**
 * After an uncaught error the state of this process is unknown: its cause is logged, and the next process continues from the
 * saved state. Unhandled rejections arrive here too.
 */
function exitOnUncaughtError(log: Log): void {
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
