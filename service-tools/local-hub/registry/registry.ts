import { randomInt } from "node:crypto";
import { NEVER, isoTime } from "../lib/clock.ts";
import type { Clock } from "../lib/clock.ts";
import { newKey } from "../auth/shared-access.ts";
import { parseIfMatch, generationIdAt } from "./identity.ts";
import type { Activity, DeviceIdentity, ModuleIdentity } from "./identity.ts";
import { isDeviceId, isModuleId } from "../lib/target.ts";
import type { Target } from "../lib/target.ts";
import type { JsonObject } from "../lib/json.ts";
import { valueOrThrow, RequestError } from "../lib/error-response.ts";
import type { ErrorResponse } from "../lib/error-response.ts";
import {
  argumentInvalid,
  deviceAlreadyExists,
  deviceNotFound,
  moduleAlreadyExists,
  moduleNotFound,
  tooManyModules,
} from "../lib/error-catalog.ts";
import { newTwin } from "../twins/twin.ts";
import type { Twin } from "../twins/twin.ts";
import type { DeviceFiles } from "./device-files.ts";
import type { DeviceRecord, IdentityRecord } from "./record.ts";
import { parseDeviceFields, parseModuleFields, checkIdentityEtag, checkSameId } from "./requests.ts";

/** "Maximum module identities per device: 50" (iot-hub-devguide-quotas-throttling). */
const MODULES_LIMIT = 50;

/** Called after an identity was created, changed or removed, and before the caller of the change gets its response. */
export type IdentityListener = (target: Target) => Promise<void> | void;

/**
 * The identity registry and the twins. A change is in memory at once, so that reads are never behind writes; the method
 * resolves when it is on disk. Errors are thrown as RequestError.
 */
export class Registry {
  readonly #records = new Map<string, DeviceRecord>();
  readonly #files: DeviceFiles;
  readonly #clock: Clock;
  readonly #hubName: string;
  readonly #listeners: IdentityListener[] = [];
  /** Devices whose activity is in memory but not on disk yet. */
  readonly #unsavedActivity = new Set<string>();

  constructor(files: DeviceFiles, clock: Clock, hubName: string) {
    this.#files = files;
    this.#clock = clock;
    this.#hubName = hubName;
  }

  async load(): Promise<void> {
    for (const record of await this.#files.load()) this.#records.set(record.identity.deviceId, record);
  }

  onIdentityChange(listener: IdentityListener): void {
    this.#listeners.push(listener);
  }

  devices(): DeviceRecord[] {
    return [...this.#records.values()];
  }

  device(deviceId: string): DeviceRecord | undefined {
    return this.#records.get(deviceId);
  }

  /** All devices, each followed by its modules. */
  targets(): Target[] {
    return this.devices().flatMap(({ identity: { deviceId }, modules }) => targetsOf(deviceId, modules));
  }

  /** The device or module, or undefined. */
  find({ deviceId, moduleId }: Target): IdentityRecord<DeviceIdentity | ModuleIdentity> | undefined {
    const record = this.#records.get(deviceId);
    return moduleId === undefined ? record : record?.modules.get(moduleId);
  }

  /** Undefined when there is no such device or module, or when it has no key. */
  primaryKey(target: Target): string | undefined {
    return this.find(target)?.identity.authentication.symmetricKey.primaryKey ?? undefined;
  }

  requireDevice(deviceId: string): DeviceRecord {
    return this.#records.get(deviceId) ?? fail(deviceNotFound(deviceId));
  }

  requireModule(deviceId: string, moduleId: string): IdentityRecord<ModuleIdentity> {
    return this.requireDevice(deviceId).modules.get(moduleId) ?? fail(moduleNotFound(deviceId, moduleId));
  }

  /** Without If-Match it only creates; with it, it only updates. So does the real hub. */
  async putDevice(deviceId: string, body: JsonObject, ifMatch: string | undefined): Promise<DeviceRecord> {
    const known = this.#records.get(deviceId);
    if (parseIfMatch(ifMatch) === undefined) return this.createDevice(deviceId, body);
    if (known === undefined) fail(deviceNotFound(deviceId));
    failIf(checkIdentityEtag(ifMatch, known.identity.etagCounter));
    return this.updateDevice(known, body);
  }

  async createDevice(deviceId: string, body: JsonObject, twin?: Twin): Promise<DeviceRecord> {
    if (!isDeviceId(deviceId)) fail(argumentInvalid(`'${deviceId}' is not a valid device id.`));
    if (this.#records.has(deviceId)) fail(deviceAlreadyExists(deviceId));
    failIf(checkSameId(body, "deviceId", deviceId));
    const fields = valueOrThrow(parseDeviceFields(body, newKey));
    const nowMs = this.#clock.nowMs();
    const identity: DeviceIdentity = { deviceId, ...newIdentityFields(nowMs), statusUpdatedTime: NEVER, ...fields };
    const record = { identity, twin: twin ?? newTwin(isoTime(nowMs)), activity: neverActive, modules: new Map() };
    return this.#putDevice(record);
  }

  async updateDevice(known: DeviceRecord, body: JsonObject): Promise<DeviceRecord> {
    failIf(checkSameId(body, "deviceId", known.identity.deviceId));
    const fields = valueOrThrow(parseDeviceFields(body, newKey));
    const statusChanged = fields.status !== known.identity.status;
    const statusUpdatedTime = statusChanged ? isoTime(this.#clock.nowMs()) : known.identity.statusUpdatedTime;
    const etagCounter = known.identity.etagCounter + 1;
    return this.#putDevice({ ...known, identity: { ...known.identity, ...fields, statusUpdatedTime, etagCounter } });
  }

  async deleteDevice(deviceId: string, ifMatch: string | undefined): Promise<void> {
    const known = this.requireDevice(deviceId);
    failIf(checkIdentityEtag(ifMatch, known.identity.etagCounter));
    this.#records.delete(deviceId);
    await this.#saveAndNotify(deviceId, targetsOf(deviceId, known.modules));
  }

  async putModule(
    deviceId: string,
    moduleId: string,
    body: JsonObject,
    ifMatch: string | undefined,
  ): Promise<IdentityRecord<ModuleIdentity>> {
    const known = this.requireDevice(deviceId).modules.get(moduleId);
    if (parseIfMatch(ifMatch) === undefined) return this.createModule(deviceId, moduleId, body);
    if (known === undefined) fail(moduleNotFound(deviceId, moduleId));
    failIf(checkIdentityEtag(ifMatch, known.identity.etagCounter));
    return this.updateModule(known, body);
  }

  async createModule(
    deviceId: string,
    moduleId: string,
    body: JsonObject,
    twin?: Twin,
  ): Promise<IdentityRecord<ModuleIdentity>> {
    const { modules } = this.requireDevice(deviceId);
    if (!isModuleId(moduleId)) fail(argumentInvalid(`'${moduleId}' is not a valid module id.`, "bare"));
    if (modules.has(moduleId)) fail(moduleAlreadyExists(deviceId, moduleId, this.#hubName));
    if (modules.size >= MODULES_LIMIT) fail(tooManyModules(deviceId, MODULES_LIMIT));
    failIf(checkSameId(body, "moduleId", moduleId));
    const fields = valueOrThrow(parseModuleFields(body, newKey));
    const identity: ModuleIdentity = { deviceId, moduleId, ...newIdentityFields(this.#clock.nowMs()), ...fields };
    // A module's twin has the time "never" until its first write: azure-sdk-for-net, ModulesClient_Query_GetTwins.
    return this.#putModule({ identity, twin: twin ?? newTwin(NEVER), activity: neverActive });
  }

  async updateModule(known: IdentityRecord<ModuleIdentity>, body: JsonObject): Promise<IdentityRecord<ModuleIdentity>> {
    failIf(checkSameId(body, "moduleId", known.identity.moduleId));
    const fields = valueOrThrow(parseModuleFields(body, newKey));
    const etagCounter = known.identity.etagCounter + 1;
    return this.#putModule({ ...known, identity: { ...known.identity, ...fields, etagCounter } });
  }

  async deleteModule(deviceId: string, moduleId: string, ifMatch: string | undefined): Promise<void> {
    const record = this.requireDevice(deviceId);
    const known = this.requireModule(deviceId, moduleId);
    failIf(checkIdentityEtag(ifMatch, known.identity.etagCounter));
    const modules = new Map(record.modules);
    modules.delete(moduleId);
    this.#records.set(deviceId, { ...record, modules });
    await this.#saveAndNotify(deviceId, [{ deviceId, moduleId }]);
  }

  /** Replaces a twin. Call it in the turn of the event loop in which the old twin was read: nothing may change in between. */
  async writeTwin(target: Target, twin: Twin): Promise<void> {
    this.#change(target, { twin });
    await this.#save(target.deviceId);
  }

  /** Records when a device or module connected, disconnected or sent something. Written to disk now if `persist`, else later. */
  async noteActivity(target: Target, activity: Partial<Activity>, persist: boolean): Promise<void> {
    const known = this.find(target);
    if (known === undefined) return;
    this.#change(target, { activity: { ...known.activity, ...activity } });
    this.#unsavedActivity.add(target.deviceId);
    if (persist) await this.#save(target.deviceId);
  }

  /** Writes activity that is only in memory, and resolves when no write is under way. */
  async flush(): Promise<void> {
    await Promise.all([...this.#unsavedActivity].map((deviceId) => this.#save(deviceId)));
    await this.#files.idle();
  }

  #change({ deviceId, moduleId }: Target, change: { twin?: Twin; activity?: Activity }): void {
    const record = this.requireDevice(deviceId);
    if (moduleId === undefined) {
      this.#records.set(deviceId, { ...record, ...change });
      return;
    }
    const known = this.requireModule(deviceId, moduleId);
    this.#records.set(deviceId, { ...record, modules: new Map(record.modules).set(moduleId, { ...known, ...change }) });
  }

  async #putDevice(record: DeviceRecord): Promise<DeviceRecord> {
    const { deviceId } = record.identity;
    this.#records.set(deviceId, record);
    await this.#saveAndNotify(deviceId, [{ deviceId }]);
    return record;
  }

  async #putModule(known: IdentityRecord<ModuleIdentity>): Promise<IdentityRecord<ModuleIdentity>> {
    const { deviceId, moduleId } = known.identity;
    const record = this.requireDevice(deviceId);
    this.#records.set(deviceId, { ...record, modules: new Map(record.modules).set(moduleId, known) });
    await this.#saveAndNotify(deviceId, [{ deviceId, moduleId }]);
    return known;
  }

  async #saveAndNotify(deviceId: string, changed: readonly Target[]): Promise<void> {
    await this.#save(deviceId);
    await Promise.all(changed.flatMap((target) => this.#listeners.map(async (listener) => listener(target))));
  }

  async #save(deviceId: string): Promise<void> {
    this.#unsavedActivity.delete(deviceId);
    await this.#files.save(deviceId, () => this.#records.get(deviceId));
  }
}

function targetsOf(deviceId: string, modules: ReadonlyMap<string, unknown>): Target[] {
  const all: Target[] = [{ deviceId }];
  for (const moduleId of modules.keys()) all.push({ deviceId, moduleId });
  return all;
}

const neverActive: Activity = { connectionStateUpdatedTime: NEVER, lastActivityTime: NEVER };

function newIdentityFields(nowMs: number): { generationId: string; etagCounter: number } {
  return { generationId: generationIdAt(nowMs, randomInt(10_000)), etagCounter: randomInt(10_000_000, 1_000_000_000) };
}

function fail(error: ErrorResponse): never {
  throw new RequestError(error);
}

function failIf(error: ErrorResponse | undefined): void {
  if (error !== undefined) fail(error);
}
