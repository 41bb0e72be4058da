import type { Policies } from "../auth/policies.ts";
import type { ContextFiles } from "../storage/context-files.ts";
import { signingKeys } from "../registry/authentication.ts";
import { targetName } from "../registry/ids.ts";
import type { Target } from "../registry/ids.ts";
import type { KnownIdentity } from "./admission.ts";
import type { Broker } from "./broker.ts";
import type { SessionStore } from "./sessions.ts";
import type { Registry } from "../registry/registry.ts";

/** What admission needs to know of a device or module, or undefined when there is none. A module is as enabled as its device. */
export function knownIdentity(registry: Registry, target: Target): KnownIdentity | undefined {
  const known = registry.find(target);
  const device = registry.device(target.deviceId);
  if (known === undefined || device === undefined) return undefined;
  return { enabled: device.identity.status === "enabled", authentication: known.identity.authentication };
}

/** Whoever would not be let in any more is put out, sessions of the removed are forgotten, and context files follow. */
export function revokeSessionsOnChange(
  registry: Registry,
  broker: Broker,
  sessions: SessionStore,
  contexts: ContextFiles,
  policies: Policies,
): void {
  const policyKeys = new Set(
    Object.values(policies).flatMap(({ primaryKey, secondaryKey }) => [primaryKey, secondaryKey]),
  );

  const putOut = (target: Target): void => {
    const known = knownIdentity(registry, target);
    if (known === undefined) return broker.disconnect(target, "its identity was removed");
    if (!known.enabled) return broker.disconnect(target, "its device was disabled");
    const key = broker.keyInUse(target);
    if (key === undefined || policyKeys.has(key) || signingKeys(known.authentication).includes(key)) return;
    broker.disconnect(target, "the key it connected with was replaced");
  };

  registry.onIdentityChange(async (target) => {
    putOut(target);
    const modules = target.moduleId === undefined ? registry.device(target.deviceId)?.modules : undefined;
    for (const moduleId of modules?.keys() ?? []) putOut({ deviceId: target.deviceId, moduleId });
    if (registry.find(target) === undefined) await sessions.removeSession(targetName(target));
    await contexts.update(target);
  });
}
