import { audienceCovers, isSignedBy, parseToken } from "./token.ts";
import type { HubNames, Token } from "./token.ts";
import { hasPermission, isPolicyName } from "./shared-access.ts";
import type { Policies, Permission } from "./shared-access.ts";

/** Whether a token is valid, until when and by which key; or the reason why not, for the log. Never holds the token. */
export type Authorization =
  | { readonly ok: true; readonly expiresAtMs: number; readonly key: string }
  | { readonly ok: false; readonly why: string };

export interface AuthContext {
  readonly names: HubNames;
  readonly policies: Policies;
  readonly nowMs: number;
}

/** Checks the Authorization header of a REST request. */
export function authorizeService(
  header: string | undefined,
  permission: Permission,
  path: readonly string[],
  context: AuthContext,
): Authorization {
  if (header === undefined || header === "") return denied("the Authorization header is missing");
  const token = parseToken(header);
  if (token === undefined) return denied("the Authorization header is not a SharedAccessSignature with sr, sig and se");
  if (token.policy === undefined) return denied("the token names no shared access policy (skn)");
  return checkPolicyToken(token, token.policy, permission, path, context);
}

/** Checks the password of a device or module: signed with a key of its identity, or of a policy that has DeviceConnect. */
export function authorizeDevice(
  password: string | undefined,
  ownKeys: readonly string[],
  path: readonly string[],
  context: AuthContext,
): Authorization {
  const token = password === undefined ? undefined : parseToken(password);
  if (token === undefined) return denied("the password is not a SharedAccessSignature with sr, sig and se");
  if (token.policy !== undefined) return checkPolicyToken(token, token.policy, "DeviceConnect", path, context);
  return checkToken(token, ownKeys, path, context);
}

function checkPolicyToken(
  token: Token,
  policy: string,
  permission: Permission,
  path: readonly string[],
  context: AuthContext,
): Authorization {
  if (!isPolicyName(policy)) return denied(`the hub has no shared access policy '${policy}'`);
  if (!hasPermission(policy, permission))
    return denied(`the policy '${policy}' does not have the permission ${permission}`);
  const { primaryKey, secondaryKey } = context.policies[policy];
  return checkToken(token, [primaryKey, secondaryKey], path, context);
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
