import type { Target } from "../registry/ids.ts";
import type { MessageProperties } from "../gateway/property-bag.ts";
import type { FaultName } from "./catalogue.ts";
import type { FaultOptions } from "./fault.ts";

export interface RequestedFault {
  readonly name: FaultName;
  readonly parameters: object;
  readonly options: FaultOptions;
}

const MS_PER_S = 1000;
/** What the SDKs' tests ask for where they say how long. */
const DEFAULT_DURATION_S = 5;

/**
 * The faults that a message asks for, as those of the SDKs' own end-to-end tests do (azure-iot-sdk-csharp, FaultInjection.cs; azure-iot-sdk-c,
 * e2e_d2c_svc_fault_ctrl_MQTT_…; azure-iot-sdk-node, e2etests/test/d2c_disconnect.js); mostly none. Those for AMQP are
 * ignored, as the real hub ignores what it does not know.
 */
export function requestedFaults({ application }: MessageProperties, target: Target): RequestedFault[] {
  const afterMs = seconds(application["AzIoTHub_FaultOperationDelayInSecs"], 0) * MS_PER_S;
  const forMs = seconds(application["AzIoTHub_FaultOperationDurationInSecs"], DEFAULT_DURATION_S) * MS_PER_S;
  const now: FaultOptions = { ...target, afterMs };
  const lasting: FaultOptions = { ...now, forMs };
  switch (application["AzIoTHub_FaultOperationType"]) {
    case "KillTcp":
      return [{ name: "reset", parameters: {}, options: now }];
    case "ShutDownMqtt":
      return [{ name: "close", parameters: {}, options: now }];
    case "InvokeThrottling":
      return [{ name: "throttled", parameters: {}, options: lasting }];
    case "InvokeMaxMessageQuota":
      return [{ name: "quota-exhausted", parameters: {}, options: lasting }];
    case "InvokeAuthError":
      return [
        { name: "connack-refused", parameters: {}, options: lasting },
        { name: "token-expired", parameters: {}, options: now },
      ];
    default:
      return [];
  }
}

/** A number of seconds that a rehearsal could ask for; the default for anything else. */
function seconds(text: string | null | undefined, byDefault: number): number {
  return /^\d{1,5}$/.test(text ?? "") ? Number(text) : byDefault;
}
