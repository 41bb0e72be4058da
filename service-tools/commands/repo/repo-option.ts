import type { Command } from "commander";

/** `--repo <dir>`: the folder of the repository; the current one by default. */
export interface RepoOption {
  readonly repo: string;
}

export function withRepoOption(command: Command): Command {
  return command.option("--repo <dir>", "the folder of the repository", ".");
}
