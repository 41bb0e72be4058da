import type { StagedImage } from "./ports.ts";

/** What the owner's program is called with. docs/installers.md tells its author what each must do. */
export type InstallVerb = "prepare" | "install" | "arm" | "running-version" | "commit" | "revert";

export interface ScriptCall {
  readonly verb: InstallVerb;
  /** The image that it is about; undefined with `running-version`. */
  readonly image: StagedImage | undefined;
  /** How long the program may take; it is stopped then. */
  readonly timeLimitMs: number;
}

export interface ScriptResult {
  /** Its exit status, "0" for well, or what ended it. */
  readonly status: string;
  /** True when it was stopped because its time was over, whatever it made of that. */
  readonly timedOut: boolean;
  /** The last words of its standard output and its standard error. */
  readonly stdout: string;
  readonly stderr: string;
}

/** The program of the board's owner that installs images: run with the agent's own rights, or by root's door. */
export interface InstallScript {
  /** What messages call it. */
  readonly name: string;
  /**
   * Runs it once, to its end. Rejects with an AgentError when it cannot be run; with the signal's reason when that aborts,
   * and nothing that it has begun goes on beside the next call.
   */
  run(call: ScriptCall, signal?: AbortSignal): Promise<ScriptResult>;
}
