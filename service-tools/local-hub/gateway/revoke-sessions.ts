import type { Policies } from "../auth/shared-access.ts";
import { targetName } from "../lib/target.ts";
import type { Target } from "../lib/target.ts";
import { signingKeys } from "../registry/authentication.ts";
import type { Registry } from "../registry/registry.ts";
import type { ContextFiles } from "../storage/context-files.ts";
import { knownIdentity } from "./authenticate.ts";
import type { Broker } from "./broker.ts";
import type { SessionStore } from "./sessions.ts";

/**
 * When an identity changes: disconnects the clients that could not connect any more, removes the session of a removed
 * identity, and updates its context file.
 */
export function revokeSessionsOnChange(
  registry: Registry,
  broker: Broker,
  sessions: SessionStore,
  contextFiles: ContextFiles,
  policies: Policies,
): void {
  const policyKeys = new Set(
    Object.values(policies).flatMap(({ primaryKey, secondaryKey }) => [primaryKey, secondaryKey]),
  );

  const disconnectIfRevoked = (target: Target): void => {
    const known = knownIdentity(registry, target);
    if (known === undefined) return broker.disconnect(target, "its identity was removed");
    if (!known.enabled) return broker.disconnect(target, "its device was disabled");
    const key = broker.keyInUse(target);
    if (key === undefined || policyKeys.has(key) || signingKeys(known.authentication).includes(key)) return;
    broker.disconnect(target, "the key it connected with was replaced");
  };

  registry.onIdentityChange(async (target) => {
    disconnectIfRevoked(target);
    const modules = target.moduleId === undefined ? registry.device(target.deviceId)?.modules : undefined;
    for (const moduleId of modules?.keys() ?? []) disconnectIfRevoked({ deviceId: target.deviceId, moduleId });
    if (registry.find(target) === undefined) await sessions.removeSession(targetName(target));
    await contextFiles.update(target);
  });
}
