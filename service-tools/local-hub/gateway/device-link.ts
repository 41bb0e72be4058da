import type { Location } from "../faults/scope.ts";
import type { Target } from "../registry/ids.ts";

/** The way to connected devices and modules, as the rest of the hub sees it. */
export interface DeviceConnections {
  isConnected(target: Target): boolean;
  /** True when a message with this topic filter's kind of topic would reach the target now. */
  canReceive(target: Target, wants: (filter: string) => boolean): boolean;
  /** Sends a QoS 0 message, if the target is there and subscribed; false when it is not. */
  send(target: Target, wants: (filter: string) => boolean, topic: string, payload: string): boolean;
  /** On which way in the target is connected: nowhere, when it is not. */
  location(target: Target): Location;
  /** Closes the target's connection, if there is one. `why` is for the log. */
  disconnect(target: Target, why: string): void;
}

/** Told what happens on the link. */
export interface ConnectionListener {
  /** The target has connected, perhaps in place of an older connection of its own. */
  connected(target: Target): void;
  /** The target has connected, or has subscribed to something more. */
  reachable(target: Target): void;
  disconnected(target: Target): void;
  /** A PUBLISH of the target. A rejection closes its connection, as the real hub closes it on whatever it refuses. */
  message(target: Target, message: DevicePublish): Promise<void>;
}

export interface DevicePublish {
  readonly topic: string;
  readonly payload: Buffer;
  readonly retain: boolean;
  /** True for the will that a client left for the case that it goes without a DISCONNECT. */
  readonly will: boolean;
}
