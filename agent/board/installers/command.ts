import { stat } from "node:fs/promises";
import { redact, truncateUtf8 } from "../../contract/safe-text.ts";
import { AgentError, errorMessage } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import { movedFolderAdvice } from "../../lib/disk-errors.ts";
import type { RestartKind } from "../../update/job.ts";
import {
  parseRunningVersion,
  runScript,
  type InstallScript,
  type ScriptCall,
  type InstallVerb,
} from "../../update/install-script.ts";
import type { FileInstaller, StagedImage } from "../../update/ports.ts";

export interface CommandInstallerOptions {
  readonly program: InstallScript;
  readonly restart: RestartKind;
  readonly timeLimitMs: number;
  /** Mount points that an update replaces: the agent's state must not be on any of them. */
  readonly replaces: readonly string[];
  readonly stateDir: string;
  readonly log: Log;
  /** How long `running-version` may take; 30 s unless given. */
  readonly versionLimitMs?: number;
}

/** `running-version` runs at every start of the agent, before anything else. */
const defaultVersionLimitMs = 30_000;

/** The owner's program as installer: one verb per call; the exit status decides, the output explains. */
export function commandInstaller(options: CommandInstallerOptions): FileInstaller {
  const { replaces, stateDir, restart } = options;
  const call = async (verb: InstallVerb, image?: StagedImage, signal?: AbortSignal): Promise<string> =>
    await run(options, { verb, image, timeLimitMs: options.timeLimitMs }, signal);
  return {
    receives: "file",
    restart,
    async prepare(image, signal): Promise<void> {
      await requireStateOutside(stateDir, replaces);
      await call("prepare", image, signal);
    },
    install: async (image, signal) => void (await call("install", image, signal)),
    async arm(image, signal): Promise<void> {
      await requireStateOutside(stateDir, replaces);
      await call("arm", image, signal);
    },
    async runningVersion(signal): Promise<string | null> {
      const timeLimitMs = options.versionLimitMs ?? defaultVersionLimitMs;
      const output = await run(options, { verb: "running-version", image: undefined, timeLimitMs }, signal);
      return parseRunningVersion(options.program, output);
    },
    healthy: async () => undefined, // The program has no such verb.
    commit: async (image) => void (await call("commit", image)),
    revert: async (image) => void (await call("revert", image)),
  };
}

/**
 * The agent's state must survive the update.
 * @throws AgentError `state-in-slot` where it lies on a file system that the update replaces
 */
export async function requireStateOutside(stateDir: string, replaces: readonly string[]): Promise<void> {
  if (replaces.length === 0) return;
  const dev = await deviceOf("agent.state-dir", stateDir);
  for (const mountPoint of replaces) {
    if ((await deviceOf("update.command.replaces", mountPoint)) !== dev) continue;
    throw new AgentError(
      "state-in-slot",
      `The agent's state (${stateDir}) lies on ${mountPoint}, which the update replaces. Move agent.state-dir to a partition of its own; ${movedFolderAdvice}.`,
    );
  }
}

/** The number of the file system that a folder is on. */
async function deviceOf(setting: string, folder: string): Promise<number> {
  try {
    return (await stat(folder)).dev;
  } catch (cause) {
    throw new AgentError(
      "disk-error",
      `Nothing was installed: ${folder} (${setting}) cannot be read (${errorMessage(cause)}), so the agent cannot tell whether the update would replace its state. Mount it, or correct ${setting}; then request the update again.`,
      { cause },
    );
  }
}

/** Runs the program, and logs how it ended. */
async function run({ program, log }: CommandInstallerOptions, call: ScriptCall, signal?: AbortSignal): Promise<string> {
  return await runScript(program, call, signal, ({ status, stdout, stderr }) => {
    log.info({ verb: call.verb, status, output: forLog(stdout), errors: forLog(stderr) }, "install script ended");
  });
}

/** A program's output, for the log. */
function forLog(text: string): string {
  return truncateUtf8(redact(text), 2_000);
}
