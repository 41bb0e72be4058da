import type { Location } from "../faults/fault-kind.ts";
import type { Target } from "../lib/target.ts";
import type { MethodTransport } from "../methods/calls.ts";
import { methodTopic, receivesMethod } from "./topics.ts";

/** The connections of devices and modules, as the rest of the hub uses them. */
export interface DeviceConnections {
  isConnected(target: Target): boolean;
  /** True when the target is connected and `wants` one of its topic filters. */
  canReceive(target: Target, wants: (filter: string) => boolean): boolean;
  /** Sends a QoS 0 message if the target can receive it; returns false when it cannot. */
  send(target: Target, wants: (filter: string) => boolean, topic: string, payload: string): boolean;
  /** Where the target is connected; without endpoints when it is not. */
  location(target: Target): Location;
  /** Closes the target's connection, if there is one. `why` is for the log. */
  disconnect(target: Target, why: string): void;
}

/** Told what happens on the connections. */
export interface ConnectionListener {
  /** The target has connected, perhaps in place of an older connection of its own. */
  connected(target: Target): void;
  /** The target has connected, or has subscribed to something more. */
  reachable(target: Target): void;
  disconnected(target: Target): void;
  /** A PUBLISH of the target. A rejection closes its connection: the real hub does that with whatever it rejects. */
  message(target: Target, message: DevicePublish): Promise<void>;
}

export interface DevicePublish {
  readonly topic: string;
  readonly payload: Buffer;
  readonly retain: boolean;
  /** True for the will, which is published when a client ends without a DISCONNECT. */
  readonly will: boolean;
}

/** Sends method calls over these connections. */
export function methodTransport(connections: DeviceConnections): MethodTransport {
  return {
    canReceiveMethod: (target, method) => connections.canReceive(target, (filter) => receivesMethod(filter, method)),
    sendMethod: (target, method, requestId, payload) =>
      void connections.send(
        target,
        (filter) => receivesMethod(filter, method),
        methodTopic(method, requestId),
        payload,
      ),
    location: (target) => connections.location(target),
  };
}
