import type { HubNames } from "../auth/token.ts";
import type { Policies } from "../auth/shared-access.ts";
import type { Faults } from "../faults/faults.ts";
import type { DeviceConnections } from "../gateway/device-connections.ts";
import type { DeviceMessages } from "../gateway/device-messages.ts";
import type { Clock } from "../lib/clock.ts";
import type { Tracking } from "../lib/error-response.ts";
import type { Log } from "../lib/log.ts";
import type { MethodCalls } from "../methods/calls.ts";
import type { Registry } from "../registry/registry.ts";
import type { TelemetryStore } from "../telemetry/store.ts";

/** The parts of the hub that the REST API uses. Built in start.ts. */
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
