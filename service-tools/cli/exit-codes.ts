/** The exit codes of `boardkeeper`. docs/cli.md lists them. */
export const exitCodes = {
  ok: 0,
  /** The operation was carried out and failed. */
  failed: 1,
  /** Invalid command line. */
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

/** Every error code of the CLI, with its exit code. docs/cli.md lists them, too. */
export const errorCodes = {
  usage: exitCodes.usage,
  "not-logged-in": exitCodes.authentication,
  "authentication-failed": exitCodes.authentication,
  "device-offline": exitCodes.deviceOffline,
  "device-gone": exitCodes.deviceOffline,
  "timed-out": exitCodes.timeout,
  "refused-by-device": exitCodes.refusedByDevice,
  "hub-unreachable": exitCodes.hubUnreachable,
  "hub-busy": exitCodes.hubUnreachable,
  "unknown-device": exitCodes.failed,
  "already-exists": exitCodes.failed,
  "refused-by-hub": exitCodes.failed,
  "operation-failed": exitCodes.failed,
  interrupted: exitCodes.interrupted,
} as const satisfies Record<string, ExitCode>;
