import { covers } from "./audience.ts";
import type { HubNames } from "./audience.ts";
import { allows, isPolicyName } from "./policies.ts";
import type { Policies, Right } from "./policies.ts";
import { isSignedBy, parseToken } from "./token.ts";
import type { Token } from "./token.ts";

/** Whether a token is good, until when and by which key, or why not, for the log: never with the token itself. */
export type TokenVerdict =
  | { readonly ok: true; readonly expiresAtMs: number; readonly key: string }
  | { readonly ok: false; readonly why: string };

export interface Circumstances {
  readonly names: HubNames;
  readonly policies: Policies;
  readonly nowMs: number;
}

/** A caller of the service's REST API. */
export function judgeService(
  header: string | undefined,
  right: Right,
  path: readonly string[],
  around: Circumstances,
): TokenVerdict {
  if (header === undefined || header === "") return no("the Authorization header is missing");
  const token = parseToken(header);
  if (token === undefined) return no("the Authorization header is not a SharedAccessSignature with sr, sig and se");
  if (token.policy === undefined) return no("the token names no shared access policy (skn)");
  return judgePolicy(token, token.policy, right, path, around);
}

/** A device or a module that connects, with the keys of its own identity or with a policy that has DeviceConnect. */
export function judgeDevice(
  password: string | undefined,
  ownKeys: readonly string[],
  path: readonly string[],
  around: Circumstances,
): TokenVerdict {
  const token = password === undefined ? undefined : parseToken(password);
  if (token === undefined) return no("the password is not a SharedAccessSignature with sr, sig and se");
  if (token.policy !== undefined) return judgePolicy(token, token.policy, "DeviceConnect", path, around);
  return judgeToken(token, ownKeys, path, around);
}

function judgePolicy(
  token: Token,
  policy: string,
  right: Right,
  path: readonly string[],
  around: Circumstances,
): TokenVerdict {
  if (!isPolicyName(policy)) return no(`the hub has no shared access policy '${policy}'`);
  if (!allows(policy, right)) return no(`the policy '${policy}' does not have the permission ${right}`);
  const { primaryKey, secondaryKey } = around.policies[policy];
  return judgeToken(token, [primaryKey, secondaryKey], path, around);
}

function judgeToken(
  token: Token,
  keys: readonly string[],
  path: readonly string[],
  { names, nowMs }: Circumstances,
): TokenVerdict {
  if (!covers(token.audience, path, names)) {
    return no(`the token's audience '${token.audience}' is not this hub's ${names.hosts[0]}/${path.join("/")}`);
  }
  const key = keys.find((one) => isSignedBy(token, one));
  if (key === undefined) return no("the token's signature does not match the primary or the secondary key");
  if (token.expiresAtMs <= nowMs) return no(`the token expired at ${new Date(token.expiresAtMs).toISOString()}`);
  return { ok: true, expiresAtMs: token.expiresAtMs, key };
}

function no(why: string): TokenVerdict {
  return { ok: false, why };
}
