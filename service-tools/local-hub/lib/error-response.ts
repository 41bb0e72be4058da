import type { Json } from "./json.ts";

/**
 * A refusal as IoT Hub words it. `code` is the number and `name` the word of
 * https://learn.microsoft.com/azure/iot-hub/troubleshoot-error-codes; the HTTP status is the first three digits of the
 * code. `hint` says to a person what the real hub keeps to itself; it goes to the log and into a header, never into a body.
 */
export interface ErrorResponse {
  readonly code: number;
  readonly name: string;
  readonly message: string;
  readonly hint?: string;
  readonly info?: Json;
  readonly envelope: Envelope;
}

/**
 * The three shapes of error bodies: `classic` of the registry and the twins, `nested` of methods and of the gateway,
 * `bare` of module identities and of everything that is answered over MQTT.
 */
export type Envelope = "classic" | "nested" | "bare";

export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: ErrorResponse };

export function success<T>(value: T): Result<T> {
  return { ok: true, value };
}

export function failure(error: ErrorResponse): { readonly ok: false; readonly error: ErrorResponse } {
  return { ok: false, error };
}

export function httpStatus(refusal: ErrorResponse): number {
  return Math.trunc(refusal.code / 1000);
}

/** What tells one answer from another in a support case: 32 hex digits, and when. */
export interface Tracking {
  readonly id: string;
  readonly atMs: number;
}

/** The body of an HTTP error answer. */
export function httpErrorBody(refusal: ErrorResponse, tracking: Tracking): string {
  switch (refusal.envelope) {
    case "classic":
      return JSON.stringify({
        Message: `ErrorCode:${refusal.name};${refusal.message}`,
        ExceptionMessage: `Tracking ID:${trackingId(tracking)}`,
      });
    case "nested":
      return JSON.stringify({ Message: bareErrorBody(refusal, tracking), ExceptionMessage: "" });
    case "bare":
      return bareErrorBody(refusal, tracking);
  }
}

/** The body of an error answer over MQTT. */
export function bareErrorBody(refusal: ErrorResponse, tracking: Tracking): string {
  return JSON.stringify({
    errorCode: refusal.code,
    trackingId: trackingId(tracking),
    message: refusal.message,
    ...(refusal.info === undefined ? {} : { info: refusal.info }),
    timestampUtc: new Date(tracking.atMs).toISOString(),
  });
}

/** For instance `e40e9db2199f482b887af45fbeaa7b8c-G:0-TimeStamp:08/20/2020 22:05:30`. */
function trackingId({ id, atMs }: Tracking): string {
  const [date = "", time = ""] = new Date(atMs).toISOString().split("T");
  const [year, month, day] = date.split("-");
  return `${id}-G:0-TimeStamp:${month}/${day}/${year} ${time.slice(0, 8)}`;
}

/** Thrown by adapters to end a request; carries what pure code decided. */
export class RequestError extends Error {
  readonly response: ErrorResponse;

  constructor(refusal: ErrorResponse) {
    super(refusal.message);
    this.name = "RefusedRequest";
    this.response = refusal;
  }
}

/** The value, or a throw that ends the request. */
export function valueOrThrow<T>(verdict: Result<T>): T {
  if (verdict.ok) return verdict.value;
  throw new RequestError(verdict.error);
}
