import type { JsonObject } from "../contract/json.ts";
import type { MethodReply } from "../contract/methods.ts";

/** The twin as the hub holds it, without `$metadata`. */
export interface TwinDocuments {
  readonly desired: JsonObject;
  /** Counts the changes of `desired`. */
  readonly desiredVersion: number;
  readonly reported: JsonObject;
}

/** A change of the desired properties: nulls remove. */
export interface DesiredPatch {
  readonly patch: JsonObject;
  readonly version: number;
}

/** A message from the device to the cloud: JSON, with properties by which the hub can route it. */
export interface TelemetryMessage {
  readonly body: JsonObject;
  readonly properties: Readonly<Record<string, string>>;
}

/** Sends a message; resolves when the hub has taken it. Counts against the hub's quota. */
export type SendTelemetry = (message: TelemetryMessage) => Promise<void>;

/** What the hub says while a connection is up. None may throw; a method's reply is sent as soon as it resolves. */
export interface HubCallbacks {
  onMethod(name: string, payload: unknown): Promise<MethodReply>;
  /** The reply is on its way: what else is to be done about the call no longer keeps its caller waiting. */
  onMethodAnswered(name: string, reply: MethodReply): void;
  onDesiredPatch(change: DesiredPatch): void;
}

/**
 * One connection to the hub, from its opening to its end: it never reconnects by itself. Every call settles within its
 * own deadline, and rejects once the connection is lost.
 */
export interface Connection {
  /** Lets calls of the hub in: methods first, then desired changes. */
  subscribe(callers: HubCallbacks): Promise<void>;
  /** Reads the whole twin. Counts against the hub's quota. */
  readTwin(): Promise<TwinDocuments>;
  /** Patches the reported properties; resolves when the hub has acknowledged. Counts against the hub's quota. */
  updateReported(patch: JsonObject): Promise<void>;
  readonly sendTelemetry: SendTelemetry;
  /** Resolves with the reason when the connection is lost. Never rejects. */
  readonly lost: Promise<Error>;
  /** Sends what is under way and closes. Never rejects, never takes longer than its deadline. */
  close(): Promise<void>;
}

/** Opens a new connection. Rejects when that fails, takes too long, or the signal aborts, leaving nothing open. */
export type Connect = (signal: AbortSignal) => Promise<Connection>;
