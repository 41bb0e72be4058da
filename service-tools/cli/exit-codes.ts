/** What the exit status of `boardkeeper` says; documented in docs/cli.md. */
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
