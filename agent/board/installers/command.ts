import { spawn } from "node:child_process";
import { stat } from "node:fs/promises";
import { brief } from "../../contract/failure.ts";
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
}

/** What the program is called with. docs/installers.md tells its author what each must do. */
type Verb = "prepare" | "install" | "arm" | "running-version" | "commit" | "revert";

/** The last words of a program that are worth a sentence in the twin. */
const keptOutputBytes = 4_096;
/** How long a program has to end after SIGTERM. */
const graceMs = 5_000;

/** An operator's own program as installer: one verb a call; its exit status decides, its output explains. */
export function commandInstaller(options: CommandInstallerOptions): Installer {
  const { replaces, stateDir, restart } = options;
  const call = async (verb: Verb, image?: StagedImage, signal?: AbortSignal): Promise<string> =>
    await run(options, verb, image, signal);
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
    async runningVersion(): Promise<string | null> {
      const said = (await call("running-version")).trim();
      return said === "" ? null : said;
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

async function run(
  options: CommandInstallerOptions,
  verb: Verb,
  image: StagedImage | undefined,
  signal?: AbortSignal,
): Promise<string> {
  const { program, timeLimitMs, log } = options;
  const limit = AbortSignal.timeout(timeLimitMs);
  const { status, output, errors } = await ended(
    program,
    verb,
    image,
    signal ? AbortSignal.any([signal, limit]) : limit,
  );
  signal?.throwIfAborted();
  const lastWords = brief(errors.trim() || output.trim(), 300);
  log.info({ verb, status, output: brief(output, 2_000), errors: brief(errors, 2_000) }, "installer program ended");
  if (limit.aborted) {
    throw new AgentError(
      "installer-timed-out",
      `${program} ${verb} took longer than ${timeLimitMs / 1_000} s and was stopped. It said: ${lastWords}`,
    );
  }
  if (status !== "0")
    throw new AgentError("installer-failed", `${program} ${verb} ended with ${status}. It said: ${lastWords}`);
  return output;
}

/** Runs the program in a process group of its own; when the signal aborts, the whole group is stopped. */
function ended(
  program: string,
  verb: Verb,
  image: StagedImage | undefined,
  signal: AbortSignal,
): Promise<{ status: string; output: string; errors: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [verb], {
      env: environment(image),
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const kept = { output: "", errors: "" };
    child.stdout
      .setEncoding("utf8")
      .on("data", (text: string) => (kept.output = (kept.output + text).slice(-keptOutputBytes)));
    child.stderr
      .setEncoding("utf8")
      .on("data", (text: string) => (kept.errors = (kept.errors + text).slice(-keptOutputBytes)));
    let grace: NodeJS.Timeout | undefined;
    const stop = (): void => {
      killGroup(child.pid, "SIGTERM");
      grace = setTimeout(() => killGroup(child.pid, "SIGKILL"), graceMs);
    };
    signal.addEventListener("abort", stop, { once: true });
    const settle = (): void => {
      clearTimeout(grace);
      signal.removeEventListener("abort", stop);
    };
    child.on("error", (cause) => {
      settle();
      reject(new AgentError("installer-failed", `${program} could not be started: ${cause.message}.`, { cause }));
    });
    child.on("close", (code, by) => {
      settle();
      resolve({ status: code === null ? `signal ${by}` : String(code), ...kept });
    });
    if (signal.aborted) stop();
  });
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
