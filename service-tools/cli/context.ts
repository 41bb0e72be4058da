import type { ExitCode } from "./exit-codes.ts";
import type { LoginOptions } from "./find-login.ts";
import type { Program } from "../images/process.ts";
import type { PublishedImage } from "../images/publish.ts";
import type { HubAddress, HubClient } from "../hub-client/hub-client.ts";
import type { Output } from "./output.ts";
import type { Screen } from "./screen/screen.ts";
import type { Timer } from "./timer.ts";

/** All that a command touches: the real world, wired in cli.ts, or a test's. */
export interface World {
  readonly env: Environment;
  /** Results. */
  readonly out: Screen;
  /** Everything else. */
  readonly err: Screen;
  readonly timer: Timer;
  /** Wall time, for labels. */
  readonly now: () => Date;
  readonly newOperationId: () => string;
  /** Aborts at Ctrl-C; its reason is the CommandError to end with. */
  readonly interrupted: AbortSignal;
  readonly connect: (around: Pick<World, "env" | "interrupted">, options: LoginOptions) => Promise<HubClient>;
  /** How long between two looks at a twin. */
  readonly lookEveryMs: (hub: HubAddress) => number;
  readonly publishImage: (env: Environment, path: string) => Promise<PublishedImage>;
  readonly programs: Programs;
  /** Does something last of all, however this process ends; it cannot wait for anything then. Answers how to take it back. */
  readonly atExit: (act: () => void) => () => void;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Runs one command line in a world and answers its exit code. */
export type Run = (args: readonly string[], world: World) => Promise<ExitCode>;

/** The outputs of a world as the commands of the local hub take them. */
export function outputOf({ out, err }: World): Output {
  return { result: (text) => out.write(`${text}\n`), note: (text) => err.write(`${text}\n`) };
}

/** How the programs of this family are started. */
interface Programs {
  readonly cli: Program;
  readonly agent: Program;
  /** What a person types to start the agent: its name where it is installed, else all of its command line. */
  readonly agentTyped: string;
}
