import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Readable } from "node:stream";
import { AgentError, errorMessage, errorCode } from "../../lib/errors.ts";
import type { InstallScript, ScriptCall, ScriptResult } from "../../update/install-script.ts";

/** How much is kept of the end of a program's output. */
const keptOutputBytes = 4_096;
export interface ExecOptions {
  /** Its name in messages; its path unless given. */
  readonly name: string;
  /** What to do where it cannot be started. */
  readonly remedy: string;
  /** PATH, HOME and LANG; the agent's own unless given. Nothing else of this process's environment reaches the program. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The working directory. */
  readonly folder: string | undefined;
  /** How long a program has to end after SIGTERM. */
  readonly graceMs: number;
  /** How long to read its output after its end: another process that inherited its pipes may hold them open for ever. */
  readonly drainMs: number;
}

/**
 * Runs the owner's program as this process's user, in the sandbox of its unit and in a process group of its own. At the time limit, or when the signal aborts, the whole group is stopped. Processes that a program leaves running when it ends
 * by itself are not touched.
 */
export function execScript(path: string, given: Partial<ExecOptions> = {}): InstallScript {
  const options = { ...defaultOptions(path), ...given };
  return {
    name: options.name,
    async run(call, signal): Promise<ScriptResult> {
      const limit = AbortSignal.timeout(call.timeLimitMs);
      const end = await runToEnd(path, call, options, signal ? AbortSignal.any([signal, limit]) : limit);
      if (end.wasStopped) signal?.throwIfAborted();
      return { ...end, timedOut: end.wasStopped };
    },
  };
}

function defaultOptions(path: string): ExecOptions {
  const { PATH, HOME, LANG } = process.env;
  return {
    name: path,
    remedy: "Check update.command.program.",
    environment: { PATH: PATH ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME, LANG },
    folder: undefined,
    graceMs: 5_000,
    drainMs: 500,
  };
}

type ScriptEnd = Omit<ScriptResult, "timedOut"> & { readonly wasStopped: boolean };

function runToEnd(path: string, call: ScriptCall, options: ExecOptions, signal: AbortSignal): Promise<ScriptEnd> {
  const { remedy, graceMs, drainMs } = options;
  return new Promise((resolve, reject) => {
    const refuse = (cause: unknown): void => {
      const why = errorMessage(cause);
      reject(new AgentError("installer-failed", `${path} could not be started: ${why}. ${remedy}`, { cause }));
    };
    const child = spawnScript(path, call, options, refuse);
    if (child === undefined) return;
    const kept = { stdout: "", stderr: "" };
    child.stdout
      .setEncoding("utf8")
      .on("data", (text: string) => (kept.stdout = (kept.stdout + text).slice(-keptOutputBytes)));
    child.stderr
      .setEncoding("utf8")
      .on("data", (text: string) => (kept.stderr = (kept.stderr + text).slice(-keptOutputBytes)));
    let status = "running after SIGKILL";
    let wasStopped = false;
    let late: NodeJS.Timeout | undefined;
    const settle = (): void => {
      clearTimeout(late);
      signal.removeEventListener("abort", stop);
      child.stdout.destroy();
      child.stderr.destroy();
      child.unref(); // A process that hangs in the kernel must not keep the agent from ending.
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
      if (!wasStopped) late = setTimeout(settle, drainMs); // A stopped group has until the end of the grace period.
    });
    child.on("close", settle);
    if (signal.aborted) stop();
  });
}

/** Starts the program. spawn throws some errors and emits others as an event. */
function spawnScript(
  program: string,
  { verb, image }: ScriptCall,
  { environment, folder }: ExecOptions,
  refuse: (cause: unknown) => void,
): ChildProcessByStdio<null, Readable, Readable> | undefined {
  try {
    const env = { ...environment, ...imageVariables(image) };
    return spawn(program, [verb], { env, cwd: folder, stdio: ["ignore", "pipe", "pipe"], detached: true });
  } catch (cause) {
    refuse(cause);
    return undefined;
  }
}

function imageVariables(image: ScriptCall["image"]): Readonly<Record<string, string | undefined>> {
  if (image === undefined) return {};
  return {
    BOARDKEEPER_IMAGE_PATH: image.path,
    BOARDKEEPER_VERSION: image.version,
    BOARDKEEPER_SHA256: image.sha256,
    BOARDKEEPER_SIZE: String(image.sizeBytes),
    BOARDKEEPER_OPERATION_ID: image.operationId,
  };
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (cause) {
    // It has ended already, or runs as another user (EPERM): then it is left running, and its status says so.
    if (!["ESRCH", "EPERM"].includes(errorCode(cause) ?? "")) throw cause;
  }
}
