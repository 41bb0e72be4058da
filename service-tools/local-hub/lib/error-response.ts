import type { Json } from "./json.ts";

/**
 * An error response of IoT Hub. `code` and `name` are those of
 * https://learn.microsoft.com/azure/iot-hub/troubleshoot-error-codes; the HTTP status is the first three digits of the
 * code. `hint` tells a person what the real hub does not say; it goes to the log and into a header, never into the body.
 */
export interface ErrorResponse {
  readonly code: number;
  readonly name: string;
  readonly message: string;
  readonly hint?: string;
  readonly info?: Json;
  readonly envelope: Envelope;
}

/** The three shapes of an error body: `classic` for the registry and twins, `nested` for methods, `bare` for modules and MQTT. */
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

export function httpStatus(error: ErrorResponse): number {
  return Math.trunc(error.code / 1000);
}

/** Identifies one response in a support case: 32 hex digits, and the time. */
export interface Tracking {
  readonly id: string;
  readonly atMs: number;
}

/** The body of an HTTP error response. */
export function httpErrorBody(error: ErrorResponse, tracking: Tracking): string {
  switch (error.envelope) {
    case "classic":
      return JSON.stringify({
        Message: `ErrorCode:${error.name};${error.message}`,
        ExceptionMessage: `Tracking ID:${trackingId(tracking)}`,
      });
    case "nested":
      return JSON.stringify({ Message: bareErrorBody(error, tracking), ExceptionMessage: "" });
    case "bare":
      return bareErrorBody(error, tracking);
  }
}

/** The `bare` body: the one of every error response over MQTT. */
export function bareErrorBody(error: ErrorResponse, tracking: Tracking): string {
  return JSON.stringify({
    errorCode: error.code,
    trackingId: trackingId(tracking),
    message: error.message,
    ...(error.info === undefined ? {} : { info: error.info }),
    timestampUtc: new Date(tracking.atMs).toISOString(),
  });
}

/** For instance `e40e9db2199f482b887af45fbeaa7b8c-G:0-TimeStamp:08/20/2020 22:05:30`. */
function trackingId({ id, atMs }: Tracking): string {
  const [date = "", time = ""] = new Date(atMs).toISOString().split("T");
  const [year, month, day] = date.split("-");
  return `${id}-G:0-TimeStamp:${month}/${day}/${year} ${time.slice(0, 8)}`;
}

/** Thrown to end a request with an error response. */
export class RequestError extends Error {
  readonly response: ErrorResponse;

  constructor(response: ErrorResponse) {
    super(response.message);
    this.name = "RequestError";
    this.response = response;
  }
}

/** The value of a result; throws a RequestError when it is a failure. */
export function valueOrThrow<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new RequestError(result.error);
}
