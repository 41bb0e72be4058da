import { check } from "../contract/check.ts";
import { firmwareVersion } from "../contract/methods.ts";
import { truncateUtf8 } from "../contract/safe-text.ts";
import { AgentError } from "../lib/errors.ts";
import type { RequestedImage } from "./ports.ts";

/** The verbs that the install script is called with; docs/installers.md describes them. */
export type InstallVerb = "prepare" | "install" | "arm" | "running-version" | "commit" | "revert";

export interface ScriptCall {
  readonly verb: InstallVerb;
  /** The image, with the path of its file where there is one; undefined for `running-version`. */
  readonly image: (RequestedImage & { readonly path?: string | undefined }) | undefined;
  /** The script is stopped after this time. */
  readonly timeLimitMs: number;
}

export interface ScriptResult {
  /** The exit status ("0" for success), or the signal that ended it. */
  readonly status: string;
  /** True when it was stopped at its time limit. */
  readonly timedOut: boolean;
  /** The end of its standard output. */
  readonly stdout: string;
  readonly stderr: string;
}

/** The owner's program that installs images, run with the agent's rights or by the install helper as root. */
export interface InstallScript {
  /** Its name in messages. */
  readonly name: string;
  /**
   * Runs the script to its end. Rejects with an AgentError when it cannot be run, or with the signal's reason when that
   * aborts; then all its processes have ended.
   */
  run(call: ScriptCall, signal?: AbortSignal): Promise<ScriptResult>;
}

/**
 * Runs the script; resolves with its standard output where it has ended with status 0.
 * @param onEnd called when it has ended, however it did
 * @throws AgentError `installer-failed` or `installer-timed-out`, with its last words; what `run` of the script rejects with
 */
export async function runScript(
  script: InstallScript,
  call: ScriptCall,
  signal: AbortSignal | undefined,
  onEnd: (result: ScriptResult) => void,
): Promise<string> {
  const { verb, timeLimitMs } = call;
  const result = await script.run(call, signal);
  onEnd(result);
  const { status, timedOut, stdout, stderr } = result;
  const explanation = truncateUtf8(stderr.trim() || stdout.trim(), 300);
  if (timedOut) {
    throw new AgentError(
      "installer-timed-out",
      `${script.name} ${verb} took longer than ${timeLimitMs / 1_000} s and was stopped. It said: ${explanation}`,
    );
  }
  if (status !== "0")
    throw new AgentError("installer-failed", `${script.name} ${verb} ended with ${status}. It said: ${explanation}`);
  return stdout;
}

/**
 * The version that `running-version` has printed; null where it has printed nothing. It is saved, reported and compared with the
 * requested version, so nothing else can be read back.
 * @throws AgentError `version-unknown`
 */
export function parseRunningVersion({ name }: InstallScript, stdout: string): string | null {
  const output = stdout.trim();
  if (output === "") return null;
  const version = check(firmwareVersion, output);
  if (version.ok) return version.value;
  throw new AgentError(
    "version-unknown",
    `${name} running-version did not print a version: ${version.problems[0]}. Let it print that one line and nothing else.`,
  );
}
