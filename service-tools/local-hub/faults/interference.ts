import type { DeviceMessage } from "../gateway/topics.ts";
import type { ErrorResponse } from "../lib/error-response.ts";
import { quotaExceeded, responseTimedOut, serverError, serviceUnavailable, throttled } from "../lib/error-catalog.ts";
import type { Faults } from "./faults.ts";
import type { Location } from "./scope.ts";

/** What faults do to something that a device has said. */
export type MessageFault =
  | { readonly kind: "none" }
  /** It is as if it had never been said. */
  | { readonly kind: "lost" }
  /** It costs the connection. */
  | { readonly kind: "closed"; readonly why: string }
  /** It is not carried out, and answered; with an empty body instead of the refusal's, if `empty`. */
  | { readonly kind: "refused"; readonly response: ErrorResponse; readonly empty: boolean }
  /** It is carried out, and not answered. */
  | { readonly kind: "unanswered" };

const nothing: MessageFault = { kind: "none" };

export function messageFault(faults: Faults, { kind }: DeviceMessage, where: Location, hubName: string): MessageFault {
  if (kind === "telemetry") return telemetryFault(faults, where);
  if (kind === "methodAnswer") return nothing;
  return twinFault(faults, kind === "getTwin" ? "get" : "report", where, hubName);
}

function telemetryFault(faults: Faults, where: Location): MessageFault {
  if (faults.triggerOnce("quota-exhausted", where) !== undefined)
    return { kind: "closed", why: "the daily quota is exhausted" };
  if (faults.triggerOnce("throttled", where) !== undefined)
    return { kind: "closed", why: "its messages are throttled" };
  return nothing;
}

function twinFault(faults: Faults, operation: "get" | "report", where: Location, hubName: string): MessageFault {
  const concerns = (fault: { readonly operation: string }): boolean => ["any", operation].includes(fault.operation);
  const quota = faults.triggerOnce("quota-exhausted", where);
  if (quota?.twins === "close") return { kind: "closed", why: "the daily quota is exhausted" };
  if (quota !== undefined) return { kind: "refused", response: quotaExceeded(hubName), empty: false };
  const tooMany = faults.triggerOnce("throttled", where);
  if (tooMany !== undefined) return { kind: "refused", response: throttled(), empty: tooMany.body === "empty" };
  if (faults.triggerOnce("twin-request-lost", where, concerns) !== undefined) return { kind: "lost" };
  const refused = faults.triggerOnce("twin-refused", where, concerns);
  if (refused !== undefined) {
    return { kind: "refused", response: responseOf[refused.status](), empty: refused.body === "empty" };
  }
  return faults.triggerOnce("twin-answer-lost", where, concerns) === undefined ? nothing : { kind: "unanswered" };
}

const responseOf = {
  "429": throttled,
  "500": () => serverError("a fault"),
  "503": serviceUnavailable,
  "504": responseTimedOut,
} as const;
