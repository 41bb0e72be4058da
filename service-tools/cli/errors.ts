import type { Json, JsonObject } from "../../agent/contract/json.ts";
import { errorCodes, type ExitCode } from "./exit-codes.ts";

interface ErrorDetails {
  readonly cause?: unknown;
  /** What to do next: a sentence, or a command to type. */
  readonly advice?: string | undefined;
}

/**
 * Why a command failed. One class per remedy, each with a stable code for programs and a stable exit code for scripts. The
 * message says what happened and why; the advice says what to do next.
 */
export class CommandError extends Error {
  readonly exitCode: ExitCode;
  readonly code: keyof typeof errorCodes;
  /** A caller that knows more may replace it. */
  advice: string | undefined;
  /** For programs: what is known of the operation, if one had begun. */
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

/** Invalid command line. */
export class UsageError extends errorWith("usage") {}

/** No hub was named, and there is no local hub. */
export class NotLoggedIn extends errorWith("not-logged-in") {}

/** The hub does not accept the login, or does not allow this with it. */
export class AuthenticationFailed extends errorWith("authentication-failed") {}

/** The board is not connected. */
export class DeviceOffline extends errorWith("device-offline") {}

/** The board lost its connection before it answered. It may have carried out the request. */
export class DeviceGone extends errorWith("device-gone") {}

/** No answer or no end in time. A request may have been carried out. */
export class TimedOut extends errorWith("timed-out") {}

/** The hub cannot answer now: throttled, out of quota, or an error on its side. */
export class HubBusy extends errorWith("hub-busy") {}

/** The hub has no such device or module. */
export class UnknownDevice extends errorWith("unknown-device") {}

/** The hub already has this device or module. */
export class AlreadyExists extends errorWith("already-exists") {}

/** The hub refused the request; repeating it would not help. */
export class RefusedByHub extends errorWith("refused-by-hub") {}

/** The operation began and failed. */
export class OperationFailed extends errorWith("operation-failed") {}

/** Ctrl-C. */
export class Interrupted extends errorWith("interrupted") {}

/** There is no connection to the hub. */
export class HubUnreachable extends CommandError {
  /** True when the request may have reached the hub before the connection was lost. */
  readonly mayHaveArrived: boolean;

  constructor(message: string, { mayHaveArrived, ...why }: ErrorDetails & { readonly mayHaveArrived: boolean }) {
    super("hub-unreachable", message, why);
    this.mayHaveArrived = mayHaveArrived;
  }
}

/** The board refused. */
export class RefusedByDevice extends CommandError {
  /** The status of its method response; null when it refused desired properties. */
  readonly status: number | null;
  readonly payload: Json;

  constructor(message: string, answer: { readonly status: number | null; readonly payload: Json }, why?: ErrorDetails) {
    super("refused-by-device", message, why);
    this.status = answer.status;
    this.payload = answer.payload;
  }
}
