import type { Json, JsonObject } from "../../agent/contract/json.ts";

/** A device, or a module of one. */
export interface Target {
  readonly deviceId: string;
  readonly moduleId?: string | undefined;
}

/** How a target is named to people: `board-1`, `board-1/agent`. */
export function targetName({ deviceId, moduleId }: Target): string {
  return moduleId === undefined ? deviceId : `${deviceId}/${moduleId}`;
}

/** How a target is named on a command line, to be typed again: `-d board-1 -m agent`. */
export function targetFlags({ deviceId, moduleId }: Target): string {
  return moduleId === undefined ? `-d ${deviceId}` : `-d ${deviceId} -m ${moduleId}`;
}

/** An identity in the hub's registry. Keys are secrets; null where it authenticates by certificate. */
export interface Identity extends Target {
  /** Modules have none of their own. */
  readonly status: string | null;
  readonly connectionState: string | null;
  readonly primaryKey: string | null;
  readonly secondaryKey: string | null;
}

/** What a board answered to a direct method. */
export interface MethodReply {
  readonly status: number;
  readonly payload: Json;
}

/** A change of a twin: `null` removes a key, what is not named stays. */
export interface TwinPatch {
  readonly tags?: JsonObject;
  readonly desired?: JsonObject;
}

/**
 * An IoT Hub as the commands need it. Each call is made once and has a deadline of its own: nothing is repeated behind
 * the caller's back, because a repeated method would be a second reboot. All reject with a CommandError: `HubUnreachable`,
 * `HubBusy`, `TimedOut`, `AuthenticationFailed`, `UnknownDevice`, `RefusedByHub`, or `Interrupted` once the user has pressed Ctrl-C.
 */
export interface HubClient {
  /** The hub's name, and where people and boards find it. */
  readonly address: HubAddress;

  /** Registers a device or a module with keys of the hub's making. Rejects with `AlreadyExists`. */
  createIdentity(target: Target): Promise<Identity>;
  getIdentity(target: Target): Promise<Identity>;
  /** Removes a module, or a device with all its modules. */
  removeIdentity(target: Target): Promise<void>;

  /** The twin as the hub tells it, `$metadata` and all. */
  getTwin(target: Target): Promise<JsonObject>;
  /** Changes a twin and answers the whole of it. */
  patchTwin(target: Target, patch: TwinPatch): Promise<JsonObject>;
  /** All rows of one query, however many pages they come in. */
  query(text: string): Promise<JsonObject[]>;

  /**
   * Calls a direct method. A board that says no is an answer, not an error. Rejects with `DeviceOffline` when it is not
   * connected, and with `DeviceGone` or `TimedOut` when it did not answer: it may have carried the call out.
   */
  callMethod(target: Target, method: string, payload: JsonObject): Promise<MethodReply>;

  /** Ends the connections. */
  close(): void;
}

export interface HubAddress {
  readonly hostName: string;
  /** True for a hub on this machine. */
  readonly isLocal: boolean;
  /** True for the local hub of this user, whose files are at hand. */
  readonly isOwnLocalHub: boolean;
  /** What a device is told in its connection string: with the port where MQTT is not on 8883. */
  readonly deviceHostName: string;
}

/** What a device or module connects with. A secret. Undefined for an identity without a key: it shows a certificate. */
export function deviceConnectionString(
  { deviceHostName }: HubAddress,
  { deviceId, moduleId, primaryKey }: Identity,
): string | undefined {
  if (primaryKey === null) return undefined;
  const module = moduleId === undefined ? "" : `;ModuleId=${moduleId}`;
  return `HostName=${deviceHostName};DeviceId=${deviceId}${module};SharedAccessKey=${primaryKey}`;
}
