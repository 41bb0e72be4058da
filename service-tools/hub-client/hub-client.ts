import type { Json, JsonObject } from "../../agent/contract/json.ts";

/** A device, or a module of one. */
export interface Target {
  readonly deviceId: string;
  readonly moduleId?: string | undefined;
}

/** For people: `board-1`, `board-1/agent`. */
export function targetName({ deviceId, moduleId }: Target): string {
  return moduleId === undefined ? deviceId : `${deviceId}/${moduleId}`;
}

/** The options that name it on a command line: `-d board-1 -m agent`. */
export function targetFlags({ deviceId, moduleId }: Target): string {
  return moduleId === undefined ? `-d ${deviceId}` : `-d ${deviceId} -m ${moduleId}`;
}

/** An identity in the hub's registry. Keys are secrets; null when it authenticates with a certificate. */
export interface Identity extends Target {
  /** Null for modules. */
  readonly status: string | null;
  readonly connectionState: string | null;
  readonly primaryKey: string | null;
  readonly secondaryKey: string | null;
}

/** A board's reply to a direct method. */
export interface MethodReply {
  readonly status: number;
  readonly payload: Json;
}

/** A change of a twin: `null` removes a key, absent keys stay. */
export interface TwinPatch {
  readonly tags?: JsonObject;
  readonly desired?: JsonObject;
}

/**
 * An IoT Hub, as the commands use it. Each call sends one request with a deadline and is never repeated, because a repeated
 * method call would be a second reboot. Every call rejects with a CommandError: `HubUnreachable`, `HubBusy`, `TimedOut`,
 * `AuthenticationFailed`, `UnknownDevice`, `RefusedByHub`, or `Interrupted` after Ctrl-C.
 */
export interface HubClient {
  readonly address: HubAddress;

  /** Registers a device or a module; the hub generates its keys. Rejects with `AlreadyExists`. */
  createIdentity(target: Target): Promise<Identity>;
  getIdentity(target: Target): Promise<Identity>;
  /** Removes a module, or a device with all its modules. */
  removeIdentity(target: Target): Promise<void>;

  /** The twin as the hub has it, with `$metadata`. */
  getTwin(target: Target): Promise<JsonObject>;
  /** Changes a twin. Returns the whole twin after the change. */
  patchTwin(target: Target, patch: TwinPatch): Promise<JsonObject>;
  /** All rows of a query, from all its pages. */
  query(text: string): Promise<JsonObject[]>;

  /**
   * Calls a direct method. A refusal by the board is a reply, not an error. Rejects with `DeviceOffline` when the board is
   * not connected, and with `DeviceGone` or `TimedOut` when it did not answer: it may have carried out the call.
   */
  callMethod(target: Target, method: string, payload: JsonObject): Promise<MethodReply>;

  /** Closes the connections. */
  close(): void;
}

export interface HubAddress {
  readonly hostName: string;
  /** True for a hub on this machine. */
  readonly isLocal: boolean;
  /** True for this user's local hub, whose files can be read. */
  readonly isOwnLocalHub: boolean;
  /** The host name in a device's connection string; with a port if MQTT is not on 8883. */
  readonly deviceHostName: string;
}

/** A secret. Undefined for an identity that has no key but a certificate. */
export function deviceConnectionString(
  { deviceHostName }: HubAddress,
  { deviceId, moduleId, primaryKey }: Identity,
): string | undefined {
  if (primaryKey === null) return undefined;
  const module = moduleId === undefined ? "" : `;ModuleId=${moduleId}`;
  return `HostName=${deviceHostName};DeviceId=${deviceId}${module};SharedAccessKey=${primaryKey}`;
}
