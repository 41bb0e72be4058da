import type { Target } from "../registry/ids.ts";
import type { HubContext } from "../rest/hub-context.ts";
import type { TwinOwner } from "./document.ts";
import type { Twin } from "./twin.ts";

/** A twin and what its document says of its owner. Throws the hub's refusal when there is no such device or module. */
export function requireTwin(
  { registry, connections: link }: HubContext,
  target: Target,
): { owner: TwinOwner; twin: Twin } {
  const device = registry.requireDevice(target.deviceId);
  const { status, statusReason, statusUpdatedTime, iotEdge } = device.identity;
  const held = target.moduleId === undefined ? device : registry.requireModule(target.deviceId, target.moduleId);
  const { identity, activity, twin } = held;
  const { etagCounter, authentication } = identity;
  const connected = link.isConnected(target);
  const own = { target, etagCounter, authentication, activity, connected };
  return { owner: { ...own, status, statusReason, statusUpdatedTime, iotEdge }, twin };
}
