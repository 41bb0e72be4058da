import type { HubNames } from "../auth/audience.ts";
import type { Policies } from "../auth/policies.ts";
import type { Clock } from "../lib/clock.ts";
import type { DeviceMessages } from "../gateway/device-messages.ts";
import type { Faults } from "../faults/faults.ts";
import type { Log } from "../lib/log.ts";
import type { MethodCalls } from "../methods/calls.ts";
import type { DeviceConnections } from "../gateway/device-link.ts";
import type { Tracking } from "../lib/error-response.ts";
import type { Registry } from "../registry/registry.ts";
import type { TelemetryStore } from "../telemetry/store.ts";

/** What the REST side needs of the rest of the hub. */
export interface HubContext {
  readonly hubName: string;
  readonly names: HubNames;
  readonly policies: Policies;
  readonly registry: Registry;
  readonly connections: DeviceConnections & { connectedCount(): number };
  readonly methods: MethodCalls;
  readonly telemetry: TelemetryStore;
  readonly deviceMessages: DeviceMessages;
  readonly clock: Clock;
  readonly faults: Faults;
  readonly tracking: () => Tracking;
  readonly log: Log;
}
