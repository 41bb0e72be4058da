import type { JsonObject } from "../../agent/contract/json.ts";
import { AlreadyExists, UnknownDevice } from "../cli/errors.ts";
import {
  targetName,
  type HubAddress,
  type HubClient,
  type Identity,
  type MethodReply,
  type Target,
  type TwinPatch,
} from "./hub-client.ts";

/** A hub in memory, for tests of the commands. It lies beside the port that it implements. */
export class FakeHubClient implements HubClient {
  address: HubAddress = {
    hostName: "hub.example",
    isLocal: false,
    isOwnLocalHub: false,
    deviceHostName: "hub.example",
  };
  readonly identities = new Map<string, Identity>();
  /** The results of the next reads of a twin, in order; the last one stays. An error is thrown. */
  twins: (JsonObject | Error)[] = [{}];
  /** The reply to every method call. An error is thrown. */
  reply: MethodReply | Error = { status: 200, payload: { Response: "done" } };
  rows: JsonObject[] = [];
  readonly calls: { readonly target: Target; readonly method: string; readonly payload: JsonObject }[] = [];
  readonly patches: TwinPatch[] = [];
  readonly queries: string[] = [];
  twinReads = 0;
  isClosed = false;

  createIdentity(target: Target): Promise<Identity> {
    const name = targetName(target);
    if (this.identities.has(name)) return Promise.reject(new AlreadyExists(`${name} already exists.`));
    const state = {
      status: "enabled",
      connectionState: "Disconnected",
      primaryKey: "cHJpbWFyeQ==",
      secondaryKey: "c2Vjb25k",
    };
    const identity = { ...target, ...state };
    this.identities.set(name, identity);
    return Promise.resolve(identity);
  }

  getIdentity(target: Target): Promise<Identity> {
    const identity = this.identities.get(targetName(target));
    return identity === undefined ? this.#unknown(target) : Promise.resolve(identity);
  }

  removeIdentity(target: Target): Promise<void> {
    return this.identities.delete(targetName(target)) ? Promise.resolve() : this.#unknown(target);
  }

  getTwin(): Promise<JsonObject> {
    this.twinReads += 1;
    const [next = {}] = this.twins;
    if (this.twins.length > 1) this.twins.shift();
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
  }

  patchTwin(_target: Target, patch: TwinPatch): Promise<JsonObject> {
    this.patches.push(patch);
    return this.getTwin();
  }

  query(text: string): Promise<JsonObject[]> {
    this.queries.push(text);
    return Promise.resolve(this.rows);
  }

  callMethod(target: Target, method: string, payload: JsonObject): Promise<MethodReply> {
    this.calls.push({ target, method, payload });
    return this.reply instanceof Error ? Promise.reject(this.reply) : Promise.resolve(this.reply);
  }

  close(): void {
    this.isClosed = true;
  }

  #unknown(target: Target): Promise<never> {
    return Promise.reject(new UnknownDevice(`hub.example knows no device ${targetName(target)}.`));
  }
}
