import type { ExitCode } from "./cli/exit-codes.ts";
import type { Prompt } from "./cli/prompt.ts";
import type { Screen } from "./cli/screen.ts";
import type { Timer } from "./cli/timer.ts";
import type { HubAddress, HubClient } from "./hub-client/hub-client.ts";
import type { LoginOptions } from "./hub-client/login.ts";
import type { PublishedImage } from "./images/publish.ts";
import type { Program } from "./images/server-process.ts";
import type { Cost } from "./repo/key-file.ts";

/** Everything outside that a command uses. `cli.ts` wires the real one; tests have a fake. */
export interface Context {
  readonly env: Environment;
  /** Standard output: the result, and nothing else. */
  readonly out: Screen;
  /** Standard error: everything else. */
  readonly err: Screen;
  readonly prompt: Prompt;
  /** What it costs to try a passphrase of a new key. */
  readonly passphraseCost: Cost;
  readonly timer: Timer;
  /** Wall time, for labels. */
  readonly now: () => Date;
  readonly newOperationId: () => string;
  /** Aborts at Ctrl-C; its reason is the CommandError to end with. */
  readonly interrupted: AbortSignal;
  /** The caller closes the client; `withHub` does. */
  readonly connect: (context: Pick<Context, "env" | "interrupted">, options: LoginOptions) => Promise<HubClient>;
  /** The time between two reads of a twin, in milliseconds. */
  readonly pollIntervalMs: (hub: HubAddress) => number;
  /** Copies an image to the image server of the local hub. */
  readonly publishImage: (env: Environment, path: string) => Promise<PublishedImage>;
  readonly programs: Programs;
  /** Calls `act` when the process exits, in whatever way; it must be synchronous. Returns a function that removes it again. */
  readonly atExit: (act: () => void) => () => void;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Runs one command line and returns its exit code. */
export type RunCommandLine = (args: readonly string[], context: Context) => Promise<ExitCode>;

/** How to start the programs of this package. */
interface Programs {
  readonly cli: Program;
  readonly agent: Program;
  /** What a person types to start the agent: its name where it is installed, else the whole command line. */
  readonly agentCommand: string;
}

/** Calls `act` with a client of the hub that the options name, and closes the client. */
export async function withHub<T>(
  context: Context,
  options: LoginOptions,
  act: (client: HubClient) => Promise<T>,
): Promise<T> {
  const client = await context.connect(context, options);
  try {
    return await act(client);
  } finally {
    client.close();
  }
}
