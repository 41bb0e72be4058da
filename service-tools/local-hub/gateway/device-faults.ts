import type { FaultName } from "../faults/catalog.ts";
import type { Location } from "../faults/fault-kind.ts";
import type { FaultOptions } from "../faults/fault.ts";
import type { Faults } from "../faults/faults.ts";
import {
  deviceDisabled,
  hubFailingOver,
  notInTier,
  hubSuspended,
  quotaExceeded,
  responseTimedOut,
  serverError,
  serviceUnavailable,
  throttled,
} from "../lib/error-catalog.ts";
import type { ErrorResponse } from "../lib/error-response.ts";
import type { Target } from "../lib/target.ts";
import type { MessageProperties } from "../telemetry/message-properties.ts";
import type { DeviceMessage } from "./topics.ts";

/** What faults do to a message of a device. */
export type MessageFault =
  | { readonly kind: "none" }
  /** Ignore the message. */
  | { readonly kind: "lost" }
  /** Close the connection. */
  | { readonly kind: "closed"; readonly why: string }
  /** Do not carry it out; respond with an error, or with an empty body if `empty`. */
  | { readonly kind: "refused"; readonly response: ErrorResponse; readonly empty: boolean }
  /** Carry it out, but do not respond. */
  | { readonly kind: "unanswered" }
  /** Carry it out, and respond after this time. */
  | { readonly kind: "late"; readonly delayMs: number };

const noFault: MessageFault = { kind: "none" };

export function messageFault(
  faults: Faults,
  { kind }: DeviceMessage,
  location: Location,
  hubName: string,
): MessageFault {
  if (kind === "telemetry") return telemetryFault(faults, location);
  if (kind === "methodResponse") return noFault;
  return twinFault(faults, kind === "getTwin" ? "get" : "report", location, hubName);
}

function telemetryFault(faults: Faults, location: Location): MessageFault {
  if (faults.triggerOnce("quota-exhausted", location) !== undefined) {
    return { kind: "closed", why: "the daily quota is exhausted" };
  }
  if (faults.triggerOnce("throttled", location) !== undefined) {
    return { kind: "closed", why: "its messages are throttled" };
  }
  return noFault;
}

function twinFault(faults: Faults, operation: "get" | "report", location: Location, hubName: string): MessageFault {
  const concerns = (fault: { readonly operation: string }): boolean => ["any", operation].includes(fault.operation);
  if (faults.triggerOnce("no-twins", location) !== undefined) return { kind: "closed", why: "this tier has no twins" };
  const quota = faults.triggerOnce("quota-exhausted", location);
  if (quota?.twins === "close") return { kind: "closed", why: "the daily quota is exhausted" };
  if (quota !== undefined) return { kind: "refused", response: quotaExceeded(hubName), empty: false };
  const throttling = faults.triggerOnce("throttled", location);
  if (throttling !== undefined) return { kind: "refused", response: throttled(), empty: throttling.body === "empty" };
  if (faults.triggerOnce("twin-request-lost", location, concerns) !== undefined) return { kind: "lost" };
  const refused = faults.triggerOnce("twin-refused", location, concerns);
  if (refused !== undefined) {
    return { kind: "refused", response: responseOf[refused.status](), empty: refused.body === "empty" };
  }
  if (faults.triggerOnce("twin-answer-lost", location, concerns) !== undefined) return { kind: "unanswered" };
  const late = faults.triggerOnce("twin-answer-delayed", location, concerns);
  return late === undefined ? noFault : { kind: "late", delayMs: late.delayMs };
}

const responseOf = {
  "429": throttled,
  "500": () => serverError("a fault"),
  "503": serviceUnavailable,
  "504": responseTimedOut,
  "403001": hubSuspended,
  "403010": notInTier,
  "403012": deviceDisabled,
  "404012": hubFailingOver,
} as const;

export interface RequestedFault {
  readonly name: FaultName;
  readonly parameters: object;
  readonly options: FaultOptions;
}

const MS_PER_S = 1000;
/** The duration that the SDKs' tests ask for where they give one. */
const DEFAULT_DURATION_S = 5;

/**
 * The faults that a message asks for by its properties, as the SDKs' own end-to-end tests do (azure-iot-sdk-csharp,
 * FaultInjection.cs; azure-iot-sdk-c, e2e_d2c_svc_fault_ctrl_MQTT_…; azure-iot-sdk-node, e2etests/test/d2c_disconnect.js).
 * Those for AMQP are ignored.
 */
export function requestedFaults({ application }: MessageProperties, target: Target): RequestedFault[] {
  const afterMs = seconds(application["AzIoTHub_FaultOperationDelayInSecs"], 0) * MS_PER_S;
  const forMs = seconds(application["AzIoTHub_FaultOperationDurationInSecs"], DEFAULT_DURATION_S) * MS_PER_S;
  const immediate: FaultOptions = { ...target, afterMs };
  const lasting: FaultOptions = { ...immediate, forMs };
  switch (application["AzIoTHub_FaultOperationType"]) {
    case "KillTcp":
      return [{ name: "reset", parameters: {}, options: immediate }];
    case "ShutDownMqtt":
      return [{ name: "close", parameters: {}, options: immediate }];
    case "InvokeThrottling":
      return [{ name: "throttled", parameters: {}, options: lasting }];
    case "InvokeMaxMessageQuota":
      return [{ name: "quota-exhausted", parameters: {}, options: lasting }];
    case "InvokeAuthError":
      return [
        { name: "connack-refused", parameters: {}, options: lasting },
        { name: "token-expired", parameters: {}, options: immediate },
      ];
    default:
      return [];
  }
}

/** A number of at most five digits; the default for anything else. */
function seconds(text: string | null | undefined, byDefault: number): number {
  return /^\d{1,5}$/.test(text ?? "") ? Number(text) : byDefault;
}
