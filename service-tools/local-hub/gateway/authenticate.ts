import { authorizeDevice } from "../auth/authorize.ts";
import type { AuthContext } from "../auth/authorize.ts";
import { isHubName } from "../auth/token.ts";
import type { Location } from "../faults/fault-kind.ts";
import type { Faults } from "../faults/faults.ts";
import { targetName } from "../lib/target.ts";
import type { Target } from "../lib/target.ts";
import type { FaultySocket } from "../network/faulty-socket.ts";
import { signingKeys } from "../registry/authentication.ts";
import type { Authentication } from "../registry/authentication.ts";
import type { Registry } from "../registry/registry.ts";
import type { SessionStore } from "./sessions.ts";

/** The contents of a CONNECT packet. */
export interface ConnectRequest {
  readonly clientId: string;
  readonly userName: string | undefined;
  readonly password: string | undefined;
}

/** The hub and the device or module that an MQTT user name names. */
export interface UserName {
  readonly hostName: string;
  readonly target: Target;
}

/**
 * Parses `{host}/{deviceId}[/{moduleId}]/?api-version=…&DeviceClientType=…` (iot-mqtt-connect-to-iot-hub; mqtt.js,
 * _getBaseTransportConfig), or returns undefined. Older clients omit the question mark, or everything after the id.
 */
export function parseUserName(text: string): UserName | undefined {
  const query = text.indexOf("/?");
  const names = (query < 0 ? text : text.slice(0, query)).split("/");
  if (query < 0 && /^(api-version|DeviceClientType)=/.test(names.at(-1) ?? "")) names.pop();
  const [hostName, deviceId, moduleId, ...rest] = names;
  if (!hostName || !deviceId || moduleId === "" || rest.length > 0) return undefined;
  return { hostName, target: moduleId === undefined ? { deviceId } : { deviceId, moduleId } };
}

/** What authentication needs of a registered device or module. */
export interface KnownIdentity {
  readonly enabled: boolean;
  readonly authentication: Authentication;
}

/** Undefined when it is not registered. A module is enabled when its device is. */
export function knownIdentity(registry: Registry, target: Target): KnownIdentity | undefined {
  const known = registry.find(target);
  const device = registry.device(target.deviceId);
  if (known === undefined || device === undefined) return undefined;
  return { enabled: device.identity.status === "enabled", authentication: known.identity.authentication };
}

// MQTT 3.1.1, table 3.1: 4 is a malformed user name or password, 5 is not authorized. The SDKs map both to
// UnauthorizedError (mqtt_translate_error.js).
const BAD_USER_NAME_OR_PASSWORD = 4;
const NOT_AUTHORIZED = 5;

export type AuthenticationResult =
  | { readonly ok: true; readonly target: Target; readonly expiresAtMs: number; readonly key: string }
  | { readonly ok: false; readonly returnCode: 4 | 5; readonly why: string };

/** Whether this client may connect, and until when; or the return code, and the reason for the log. */
export function authenticate(
  request: ConnectRequest,
  find: (target: Target) => KnownIdentity | undefined,
  context: AuthContext,
): AuthenticationResult {
  const user = request.userName === undefined ? undefined : parseUserName(request.userName);
  if (user === undefined) {
    return denied(BAD_USER_NAME_OR_PASSWORD, "the user name is not {host}/{deviceId}[/{moduleId}]/?api-version=…");
  }
  const { hostName, target } = user;
  if (!isHubName(hostName, context.names)) {
    const own = context.names.hosts[0];
    return denied(NOT_AUTHORIZED, `the user name is for the hub '${hostName}', this one is '${own}'`);
  }
  if (request.clientId !== targetName(target)) {
    return denied(NOT_AUTHORIZED, `the client id '${request.clientId}' is not '${targetName(target)}'`);
  }
  const known = find(target);
  if (known === undefined) return denied(NOT_AUTHORIZED, `'${targetName(target)}' is not registered in this hub`);
  if (!known.enabled) return denied(NOT_AUTHORIZED, `the device '${target.deviceId}' is disabled`);
  const path = ["devices", target.deviceId, ...(target.moduleId === undefined ? [] : ["modules", target.moduleId])];
  const authorization = authorizeDevice(request.password, signingKeys(known.authentication), path, context);
  if (!authorization.ok) return denied(NOT_AUTHORIZED, authorization.why);
  return { ok: true, target, expiresAtMs: authorization.expiresAtMs, key: authorization.key };
}

function denied(returnCode: 4 | 5, why: string): AuthenticationResult {
  return { ok: false, returnCode, why };
}

/** A fault refuses the connection, whatever the client sent. */
interface FaultRejection {
  readonly ok: false;
  readonly returnCode: number;
  readonly why: string;
}

/** Authenticates clients, unless a fault decides otherwise. */
export class Authenticator {
  readonly #authenticate: (request: ConnectRequest) => AuthenticationResult;
  readonly #sessions: SessionStore;
  readonly #faults: Faults;

  constructor(
    authenticateRequest: (request: ConnectRequest) => AuthenticationResult,
    sessions: SessionStore,
    faults: Faults,
  ) {
    this.#authenticate = authenticateRequest;
    this.#sessions = sessions;
    this.#faults = faults;
  }

  async authenticate(request: ConnectRequest, socket: FaultySocket): Promise<AuthenticationResult | FaultRejection> {
    // The target that it claims to be, whether it is accepted or not: faults limited to a device apply from here on.
    const claimed = request.userName === undefined ? undefined : parseUserName(request.userName)?.target;
    if (claimed !== undefined) socket.setTarget(claimed);
    const refused = this.#faults.triggerOnce("connack-refused", socket.location);
    if (refused !== undefined) return { ok: false, returnCode: refused.code, why: "a fault refuses it" };
    const result = this.#authenticate(request);
    if (result.ok) await this.#removeSessionIfFaulty(request.clientId, socket.location);
    return result;
  }

  async #removeSessionIfFaulty(clientId: string, location: Location): Promise<void> {
    if (this.#sessions.subscriptionsOf(clientId).length === 0) return;
    if (this.#faults.triggerOnce("session-forgotten", location) !== undefined) {
      await this.#sessions.removeSession(clientId);
    }
  }
}
