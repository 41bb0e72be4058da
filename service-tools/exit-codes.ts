/** What the exit status of `boardkeeper` says; documented in docs/local-hub.md and the operator's guide. */
export const exitCodes = {
  ok: 0,
  /** The operation was carried out and failed. */
  failed: 1,
  /** The command line makes no sense. */
  usage: 2,
  authentication: 3,
  deviceOffline: 4,
  timeout: 5,
  refusedByDevice: 6,
  hubUnreachable: 7,
  /** Ctrl-C, as shells report it: 128 + SIGINT. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends a command with this status. The message says all there is to say: what happened, why, what to do next. */
export class CommandFailure extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CommandFailure";
    this.exitCode = exitCode;
  }
}
