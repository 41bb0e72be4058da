import type { Target } from "../registry/ids.ts";

/** The ways into the hub. WebSockets and REST share a port. */
export const endpoints = ["mqtt", "websockets", "rest", "images"] as const;
export type Endpoint = (typeof endpoints)[number];

/** Whom and what a fault is for: what is left out is everybody, or everywhere. */
export interface Scope {
  readonly deviceId?: string;
  /** With `deviceId`: that module. Without: the device itself, and none of its modules. */
  readonly moduleId?: string;
  readonly on?: readonly Endpoint[];
}

/** Where something happens: on which way in (undefined for either of those that share the port), and to whom, as far as is known. */
export interface Location {
  readonly endpoints: readonly Endpoint[];
  readonly target?: Target | undefined;
}

/** True when what happens there is what the fault is for. One for a device spares whoever has not said who it is. */
export function covers(scope: Scope, where: Location): boolean {
  const { deviceId, moduleId, on } = scope;
  if (on !== undefined && !on.some((surface) => where.endpoints.includes(surface))) return false;
  if (deviceId === undefined) return true;
  return where.target?.deviceId === deviceId && where.target.moduleId === moduleId;
}
