import { isHubName } from "../auth/audience.ts";
import { authorizeDevice } from "../auth/authorize.ts";
import type { AuthContext } from "../auth/authorize.ts";
import { signingKeys } from "../registry/authentication.ts";
import type { Authentication } from "../registry/authentication.ts";
import { targetName } from "../registry/ids.ts";
import type { Target } from "../registry/ids.ts";
import { parseUserName } from "./user-name.ts";

/** What is said in a CONNECT packet. */
export interface ConnectRequest {
  readonly clientId: string;
  readonly userName: string | undefined;
  readonly password: string | undefined;
}

/** What the registry knows of the one that wants to connect. */
export interface KnownIdentity {
  readonly enabled: boolean;
  readonly authentication: Authentication;
}

// MQTT 3.1.1, table 3.1: 4 is a user name that cannot be understood, 5 one that may not come in. The SDKs make
// UnauthorizedError of both (mqtt_translate_error.js).
const BAD_USER_NAME_OR_PASSWORD = 4;
const NOT_AUTHORIZED = 5;

export type AuthenticationResult =
  | { readonly ok: true; readonly target: Target; readonly expiresAtMs: number; readonly key: string }
  | { readonly ok: false; readonly returnCode: 4 | 5; readonly why: string };

export function authenticate(
  request: ConnectRequest,
  find: (target: Target) => KnownIdentity | undefined,
  around: AuthContext,
): AuthenticationResult {
  const user = request.userName === undefined ? undefined : parseUserName(request.userName);
  if (user === undefined) {
    return denied(BAD_USER_NAME_OR_PASSWORD, "the user name is not {host}/{deviceId}[/{moduleId}]/?api-version=…");
  }
  const { hostName, target } = user;
  if (!isHubName(hostName, around.names)) {
    return denied(NOT_AUTHORIZED, `the user name is for the hub '${hostName}', this one is '${around.names.hosts[0]}'`);
  }
  if (request.clientId !== targetName(target)) {
    return denied(NOT_AUTHORIZED, `the client id '${request.clientId}' is not '${targetName(target)}'`);
  }
  const candidate = find(target);
  if (candidate === undefined) return denied(NOT_AUTHORIZED, `'${targetName(target)}' is not registered in this hub`);
  if (!candidate.enabled) return denied(NOT_AUTHORIZED, `the device '${target.deviceId}' is disabled`);
  const path = ["devices", target.deviceId, ...(target.moduleId === undefined ? [] : ["modules", target.moduleId])];
  const verdict = authorizeDevice(request.password, signingKeys(candidate.authentication), path, around);
  if (!verdict.ok) return denied(NOT_AUTHORIZED, verdict.why);
  return { ok: true, target, expiresAtMs: verdict.expiresAtMs, key: verdict.key };
}

function denied(returnCode: 4 | 5, why: string): AuthenticationResult {
  return { ok: false, returnCode, why };
}
