import type { Json } from "./json.ts";

/**
 * A refusal as IoT Hub words it. `code` is the number and `name` the word of
 * https://learn.microsoft.com/azure/iot-hub/troubleshoot-error-codes; the HTTP status is the first three digits of the
 * code. `hint` says to a person what the real hub keeps to itself; it goes to the log and into a header, never into a body.
 */
export interface Refusal {
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

export type Verdict<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal };

export function granted<T>(value: T): Verdict<T> {
  return { ok: true, value };
}

export function refused(refusal: Refusal): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal };
}

export function httpStatus(refusal: Refusal): number {
  return Math.trunc(refusal.code / 1000);
}

/** What tells one answer from another in a support case: 32 hex digits, and when. */
export interface Tracking {
  readonly id: string;
  readonly atMs: number;
}

/** The body of an HTTP error answer. */
export function errorBody(refusal: Refusal, tracking: Tracking): string {
  switch (refusal.envelope) {
    case "classic":
      return JSON.stringify({
        Message: `ErrorCode:${refusal.name};${refusal.message}`,
        ExceptionMessage: `Tracking ID:${trackingId(tracking)}`,
      });
    case "nested":
      return JSON.stringify({ Message: bareBody(refusal, tracking), ExceptionMessage: "" });
    case "bare":
      return bareBody(refusal, tracking);
  }
}

/** The body of an error answer over MQTT. */
export function bareBody(refusal: Refusal, tracking: Tracking): string {
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
export class RefusedRequest extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.name = "RefusedRequest";
    this.refusal = refusal;
  }
}

/** The value, or a throw that ends the request. */
export function orRefuse<T>(verdict: Verdict<T>): T {
  if (verdict.ok) return verdict.value;
  throw new RefusedRequest(verdict.refusal);
}
