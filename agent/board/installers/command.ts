import { spawn, type ChildProcessByStdio } from "node:child_process";
import { stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { check } from "../../contract/check.ts";
import { brief } from "../../contract/failure.ts";
import { firmwareVersion } from "../../contract/methods.ts";
import { redact } from "../../contract/redact.ts";
import { AgentError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import type { Restart } from "../../update/job.ts";
import type { Installer, StagedImage } from "../../update/ports.ts";

export interface CommandInstallerOptions {
  readonly program: string;
  readonly restart: Restart;
  readonly timeLimitMs: number;
  /** Mount points that an update replaces: the agent's state must not lie on any of them. */
  readonly replaces: readonly string[];
  readonly stateDir: string;
  readonly log: Log;
  /** Other waits than the usual ones. */
  readonly waits?: Partial<typeof usualWaits>;
}

/** What the program is called with. docs/installers.md tells its author what each must do. */
type Verb = "prepare" | "install" | "arm" | "running-version" | "commit" | "revert";

/** The last words of a program that are worth a sentence in the twin. */
const keptOutputBytes = 4_096;
const usualWaits = {
  /** How long `running-version` may take: it is asked at every start of the agent, before anything else is done. */
  versionMs: 30_000,
  /** How long a program has to end after SIGTERM. */
  graceMs: 5_000,
  /** How long its last words may take to arrive after its end: whoever inherited its pipes may hold them for ever. */
  drainMs: 500,
};

/** An operator's own program as installer: one verb a call; its exit status decides, its output explains. */
export function commandInstaller(options: CommandInstallerOptions): Installer {
  const { replaces, stateDir, restart } = options;
  const call = async (verb: Verb, image?: StagedImage, signal?: AbortSignal): Promise<string> =>
    await run(options, { verb, image, timeLimitMs: options.timeLimitMs }, signal);
  return {
    restart,
    async prepare(image, signal): Promise<void> {
      await refuseStateInSlot(stateDir, replaces);
      await call("prepare", image, signal);
    },
    install: async (image, signal) => void (await call("install", image, signal)),
    async arm(image, signal): Promise<void> {
      await refuseStateInSlot(stateDir, replaces);
      await call("arm", image, signal);
    },
    async runningVersion(signal): Promise<string | null> {
      const timeLimitMs = options.waits?.versionMs ?? usualWaits.versionMs;
      const said = (await run(options, { verb: "running-version", image: undefined, timeLimitMs }, signal)).trim();
      if (said === "") return null;
      // It is saved, reported and compared with what was asked for: anything else could not even be read back.
      const version = check(firmwareVersion, said);
      if (version.ok) return version.value;
      throw new AgentError(
        "version-unknown",
        `${options.program} running-version did not print a version: ${version.problems[0]}. Let it print that one line and nothing else.`,
      );
    },
    commit: async (image) => void (await call("commit", image)),
    revert: async (image) => void (await call("revert", image)),
  };
}

/** The state must outlive the update: it may not lie on a file system that the update replaces. */
async function refuseStateInSlot(stateDir: string, replaces: readonly string[]): Promise<void> {
  const { dev } = await stat(stateDir);
  for (const mountPoint of replaces) {
    if ((await stat(mountPoint)).dev !== dev) continue;
    throw new AgentError(
      "state-in-slot",
      `The agent's state (${stateDir}) lies on ${mountPoint}, which the update replaces. Move agent.state-dir to a partition of its own.`,
    );
  }
}

interface Call {
  readonly verb: Verb;
  readonly image: StagedImage | undefined;
  readonly timeLimitMs: number;
}

async function run(options: CommandInstallerOptions, call: Call, signal?: AbortSignal): Promise<string> {
  const { program, log } = options;
  const { verb, timeLimitMs } = call;
  const limit = AbortSignal.timeout(timeLimitMs);
  const end = await ended(options, call, signal ? AbortSignal.any([signal, limit]) : limit);
  const { status, output, errors } = end;
  const lastWords = brief(errors.trim() || output.trim(), 300);
  log.info({ verb, status, output: loggable(output), errors: loggable(errors) }, "installer program ended");
  if (end.wasStopped) {
    signal?.throwIfAborted();
    throw new AgentError(
      "installer-timed-out",
      `${program} ${verb} took longer than ${timeLimitMs / 1_000} s and was stopped. It said: ${lastWords}`,
    );
  }
  if (status !== "0")
    throw new AgentError("installer-failed", `${program} ${verb} ended with ${status}. It said: ${lastWords}`);
  return output;
}

/** What a program said, for the log. */
function loggable(text: string): string {
  return brief(redact(text), 2_000);
}

interface End {
  /** Its exit status, or what ended it. */
  readonly status: string;
  /** Whether it was told to end, whatever it made of that. */
  readonly wasStopped: boolean;
  readonly output: string;
  readonly errors: string;
}

/**
 * Runs the program in a process group of its own. When the signal aborts before the program has ended, the whole group is
 * stopped; what a program leaves behind that ended by itself is its own affair.
 */
function ended(options: CommandInstallerOptions, { verb, image }: Call, signal: AbortSignal): Promise<End> {
  const { graceMs, drainMs } = { ...usualWaits, ...options.waits };
  return new Promise((resolve, reject) => {
    const refuse = (cause: unknown): void => {
      const why = cause instanceof Error ? cause.message : String(cause);
      reject(new AgentError("installer-failed", `${options.program} could not be started: ${why}.`, { cause }));
    };
    const child = begin(options.program, verb, image, refuse);
    if (child === undefined) return;
    const kept = { output: "", errors: "" };
    child.stdout
      .setEncoding("utf8")
      .on("data", (text: string) => (kept.output = (kept.output + text).slice(-keptOutputBytes)));
    child.stderr
      .setEncoding("utf8")
      .on("data", (text: string) => (kept.errors = (kept.errors + text).slice(-keptOutputBytes)));
    let status = "SIGKILL not obeyed";
    let wasStopped = false;
    let late: NodeJS.Timeout | undefined;
    const settle = (): void => {
      clearTimeout(late);
      signal.removeEventListener("abort", stop);
      child.stdout.destroy();
      child.stderr.destroy();
      child.unref(); // One that hangs in the kernel must not keep the agent from ending.
      resolve({ status, wasStopped, ...kept });
    };
    const stop = (): void => {
      wasStopped = true;
      killGroup(child.pid, "SIGTERM");
      late = setTimeout(() => {
        killGroup(child.pid, "SIGKILL");
        late = setTimeout(settle, drainMs);
      }, graceMs);
    };
    signal.addEventListener("abort", stop, { once: true });
    child.on("error", (cause) => {
      refuse(cause);
      settle();
    });
    child.on("exit", (code, by) => {
      status = code === null ? `signal ${by}` : String(code);
      signal.removeEventListener("abort", stop);
      if (!wasStopped) late = setTimeout(settle, drainMs); // A stopped one's group has until the end of its grace.
    });
    child.on("close", settle);
    if (signal.aborted) stop();
  });
}

/** Starts the program; some failures are thrown by spawn, others come as an event. */
function begin(
  program: string,
  verb: Verb,
  image: StagedImage | undefined,
  refuse: (cause: unknown) => void,
): ChildProcessByStdio<null, Readable, Readable> | undefined {
  try {
    return spawn(program, [verb], { env: environment(image), stdio: ["ignore", "pipe", "pipe"], detached: true });
  } catch (cause) {
    refuse(cause);
    return undefined;
  }
}

/** The program gets what it needs to know and nothing of the agent's own environment, where secrets may be. */
function environment(image: StagedImage | undefined): NodeJS.ProcessEnv {
  const { PATH, HOME, LANG } = process.env;
  return {
    PATH: PATH ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ...(HOME === undefined ? {} : { HOME }),
    ...(LANG === undefined ? {} : { LANG }),
    ...(image === undefined
      ? {}
      : {
          BOARDKEEPER_IMAGE_PATH: image.path,
          BOARDKEEPER_VERSION: image.version,
          BOARDKEEPER_SHA256: image.sha256,
          BOARDKEEPER_SIZE: String(image.sizeBytes),
          BOARDKEEPER_OPERATION_ID: image.operationId,
        }),
  };
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "ESRCH")) throw cause; // Gone by itself.
  }
}
