import type { Target } from "../registry/ids.ts";

/** The ways into the hub. WebSockets and REST share a port. */
export const surfaces = ["mqtt", "websockets", "rest", "images"] as const;
export type Surface = (typeof surfaces)[number];

/** Whom and what a fault is for: what is left out is everybody, or everywhere. */
export interface Scope {
  readonly deviceId?: string;
  /** With `deviceId`: that module. Without: the device itself, and none of its modules. */
  readonly moduleId?: string;
  readonly on?: readonly Surface[];
}

/** Where something happens: on which way in (undefined for either of those that share the port), and to whom, as far as is known. */
export interface Where {
  readonly surfaces: readonly Surface[];
  readonly target?: Target | undefined;
}

/** True when what happens there is what the fault is for. One for a device spares whoever has not said who it is. */
export function covers(scope: Scope, where: Where): boolean {
  const { deviceId, moduleId, on } = scope;
  if (on !== undefined && !on.some((surface) => where.surfaces.includes(surface))) return false;
  if (deviceId === undefined) return true;
  return where.target?.deviceId === deviceId && where.target.moduleId === moduleId;
}
