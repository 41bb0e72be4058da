import type { Json, JsonObject } from "../../agent/contract/json.ts";
import { exitCodes, type ExitCode } from "./exit-codes.ts";

/** Every code that an error of the CLI can carry, with the exit code that goes with it. docs/cli.md lists both. */
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

interface ErrorDetails {
  readonly cause?: unknown;
  /** What to do next, as a sentence or as a command to type. */
  readonly advice?: string | undefined;
}

/**
 * Why a command did not do what it was asked to. One class for each remedy, each with a code for programs and an exit
 * code for scripts, both stable; the message says what happened and why, the advice what to do next.
 */
export class CommandError extends Error {
  readonly exitCode: ExitCode;
  readonly code: keyof typeof errorCodes;
  /** Whoever knows more about the situation may say it better. */
  advice: string | undefined;
  /** What programs are told beside the error, where something was begun. */
  document: JsonObject | undefined;

  constructor(code: keyof typeof errorCodes, message: string, { cause, advice }: ErrorDetails = {}) {
    super(message, { cause });
    this.exitCode = errorCodes[code];
    this.name = new.target.name;
    this.code = code;
    this.advice = advice;
  }
}

type ErrorClass = new (message: string, why?: ErrorDetails) => CommandError;

function errorWith(code: keyof typeof errorCodes): ErrorClass {
  return class extends CommandError {
    constructor(message: string, why?: ErrorDetails) {
      super(code, message, why);
    }
  };
}

/** The command line asks for something that cannot be. */
export class UsageError extends errorWith("usage") {}

/** No hub was named, and no local one is there. */
export class NotLoggedIn extends errorWith("not-logged-in") {}

/** The hub does not accept the login, or the login may not do this. */
export class AuthenticationFailed extends errorWith("authentication-failed") {}

/** The board is not connected. */
export class DeviceOffline extends errorWith("device-offline") {}

/** Asked, but gone before it answered: the request may have been carried out. */
export class DeviceGone extends errorWith("device-gone") {}

/** No answer, or no end, in time. A request may have been carried out all the same. */
export class TimedOut extends errorWith("timed-out") {}

/** The hub answers, but not now: throttled, out of quota, or broken on its side. */
export class HubBusy extends errorWith("hub-busy") {}

/** The hub has no such device or module. */
export class UnknownDevice extends errorWith("unknown-device") {}

/** The hub has this device or module already. */
export class AlreadyExists extends errorWith("already-exists") {}

/** The hub does not carry this request out, and asking again would not help. */
export class RefusedByHub extends errorWith("refused-by-hub") {}

/** What was asked for was begun, and ended badly. */
export class OperationFailed extends errorWith("operation-failed") {}

/** Ctrl-C. */
export class Interrupted extends errorWith("interrupted") {}

/** There is no way to the hub. */
export class HubUnreachable extends CommandError {
  /** True when the request may have reached the hub before the connection was lost. */
  readonly mayHaveArrived: boolean;

  constructor(message: string, { mayHaveArrived, ...why }: ErrorDetails & { readonly mayHaveArrived: boolean }) {
    super("hub-unreachable", message, why);
    this.mayHaveArrived = mayHaveArrived;
  }
}

/** The board said no. */
export class RefusedByDevice extends CommandError {
  /** Of its answer to a method; null where it refused a document. */
  readonly status: number | null;
  readonly payload: Json;

  constructor(message: string, answer: { readonly status: number | null; readonly payload: Json }, why?: ErrorDetails) {
    super("refused-by-device", message, why);
    this.status = answer.status;
    this.payload = answer.payload;
  }
}
