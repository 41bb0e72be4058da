import type { DeviceMessage } from "../gateway/topics.ts";
import type { Refusal } from "../lib/error-response.ts";
import { quotaExceeded, responseTimedOut, serverError, serviceUnavailable, throttled } from "../lib/error-catalog.ts";
import type { Faults } from "./faults.ts";
import type { Where } from "./scope.ts";

/** What faults do to something that a device has said. */
export type Interference =
  | { readonly kind: "none" }
  /** It is as if it had never been said. */
  | { readonly kind: "lost" }
  /** It costs the connection. */
  | { readonly kind: "closed"; readonly why: string }
  /** It is not carried out, and answered; with an empty body instead of the refusal's, if `empty`. */
  | { readonly kind: "refused"; readonly refusal: Refusal; readonly empty: boolean }
  /** It is carried out, and not answered. */
  | { readonly kind: "unanswered" };

const nothing: Interference = { kind: "none" };

export function interfere(faults: Faults, { kind }: DeviceMessage, where: Where, hubName: string): Interference {
  if (kind === "telemetry") return interfereWithTelemetry(faults, where);
  if (kind === "methodAnswer") return nothing;
  return interfereWithTwin(faults, kind === "getTwin" ? "get" : "report", where, hubName);
}

function interfereWithTelemetry(faults: Faults, where: Where): Interference {
  if (faults.strike("quota-exhausted", where) !== undefined)
    return { kind: "closed", why: "the daily quota is exhausted" };
  if (faults.strike("throttled", where) !== undefined) return { kind: "closed", why: "its messages are throttled" };
  return nothing;
}

function interfereWithTwin(faults: Faults, operation: "get" | "report", where: Where, hubName: string): Interference {
  const concerns = (fault: { readonly operation: string }): boolean => ["any", operation].includes(fault.operation);
  const quota = faults.strike("quota-exhausted", where);
  if (quota?.twins === "close") return { kind: "closed", why: "the daily quota is exhausted" };
  if (quota !== undefined) return { kind: "refused", refusal: quotaExceeded(hubName), empty: false };
  const tooMany = faults.strike("throttled", where);
  if (tooMany !== undefined) return { kind: "refused", refusal: throttled(), empty: tooMany.body === "empty" };
  if (faults.strike("twin-request-lost", where, concerns) !== undefined) return { kind: "lost" };
  const refused = faults.strike("twin-refused", where, concerns);
  if (refused !== undefined) {
    return { kind: "refused", refusal: refusalOf[refused.status](), empty: refused.body === "empty" };
  }
  return faults.strike("twin-answer-lost", where, concerns) === undefined ? nothing : { kind: "unanswered" };
}

const refusalOf = {
  "429": throttled,
  "500": () => serverError("a fault"),
  "503": serviceUnavailable,
  "504": responseTimedOut,
} as const;
