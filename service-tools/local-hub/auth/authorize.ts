import { audienceCovers } from "./audience.ts";
import type { HubNames } from "./audience.ts";
import { hasPermission, isPolicyName } from "./policies.ts";
import type { Policies, Permission } from "./policies.ts";
import { isSignedBy, parseToken } from "./token.ts";
import type { Token } from "./token.ts";

/** Whether a token is good, until when and by which key, or why not, for the log: never with the token itself. */
export type Authorization =
  | { readonly ok: true; readonly expiresAtMs: number; readonly key: string }
  | { readonly ok: false; readonly why: string };

export interface AuthContext {
  readonly names: HubNames;
  readonly policies: Policies;
  readonly nowMs: number;
}

/** A caller of the service's REST API. */
export function authorizeService(
  header: string | undefined,
  right: Permission,
  path: readonly string[],
  around: AuthContext,
): Authorization {
  if (header === undefined || header === "") return denied("the Authorization header is missing");
  const token = parseToken(header);
  if (token === undefined) return denied("the Authorization header is not a SharedAccessSignature with sr, sig and se");
  if (token.policy === undefined) return denied("the token names no shared access policy (skn)");
  return checkPolicyToken(token, token.policy, right, path, around);
}

/** A device or a module that connects, with the keys of its own identity or with a policy that has DeviceConnect. */
export function authorizeDevice(
  password: string | undefined,
  ownKeys: readonly string[],
  path: readonly string[],
  around: AuthContext,
): Authorization {
  const token = password === undefined ? undefined : parseToken(password);
  if (token === undefined) return denied("the password is not a SharedAccessSignature with sr, sig and se");
  if (token.policy !== undefined) return checkPolicyToken(token, token.policy, "DeviceConnect", path, around);
  return checkToken(token, ownKeys, path, around);
}

function checkPolicyToken(
  token: Token,
  policy: string,
  right: Permission,
  path: readonly string[],
  around: AuthContext,
): Authorization {
  if (!isPolicyName(policy)) return denied(`the hub has no shared access policy '${policy}'`);
  if (!hasPermission(policy, right)) return denied(`the policy '${policy}' does not have the permission ${right}`);
  const { primaryKey, secondaryKey } = around.policies[policy];
  return checkToken(token, [primaryKey, secondaryKey], path, around);
}

function checkToken(
  token: Token,
  keys: readonly string[],
  path: readonly string[],
  { names, nowMs }: AuthContext,
): Authorization {
  if (!audienceCovers(token.audience, path, names)) {
    return denied(`the token's audience '${token.audience}' is not this hub's ${names.hosts[0]}/${path.join("/")}`);
  }
  const key = keys.find((one) => isSignedBy(token, one));
  if (key === undefined) return denied("the token's signature does not match the primary or the secondary key");
  if (token.expiresAtMs <= nowMs) return denied(`the token expired at ${new Date(token.expiresAtMs).toISOString()}`);
  return { ok: true, expiresAtMs: token.expiresAtMs, key };
}

function denied(why: string): Authorization {
  return { ok: false, why };
}
