import type { StagedImage } from "./ports.ts";

/** The verbs that the install script is called with; docs/installers.md describes them. */
export type InstallVerb = "prepare" | "install" | "arm" | "running-version" | "commit" | "revert";

export interface ScriptCall {
  readonly verb: InstallVerb;
  /** The image; undefined for `running-version`. */
  readonly image: StagedImage | undefined;
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
