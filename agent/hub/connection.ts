import type { JsonObject } from "../contract/json.ts";
import type { MethodReply } from "../contract/method-reply.ts";

/** The twin as the hub holds it, without `$metadata`. */
export interface TwinDocuments {
  readonly desired: JsonObject;
  /** Counts the changes of `desired`. */
  readonly desiredVersion: number;
  readonly reported: JsonObject;
}

/** A message from the device to the cloud: JSON, with properties that the hub can route by. */
export interface TelemetryMessage {
  readonly body: JsonObject;
  readonly properties: Readonly<Record<string, string>>;
}

/** What a connection is busy with: reading the twin, reporting to it, or sending a message. */
export type HubWork = "twin" | "report" | "message";

/** Sends a message; resolves when the hub has acknowledged it. Counts against the hub's quota. */
export type SendTelemetry = (message: TelemetryMessage) => Promise<void>;

/** Called while a connection is open. None may throw; a method's reply is sent as soon as it resolves. */
export interface HubCallbacks {
  onMethod(name: string, payload: unknown): Promise<MethodReply>;
  /** The reply is on its way: logging the call does not keep its caller waiting any more. */
  onMethodAnswered(name: string, reply: MethodReply): void;
  /** The desired properties have changed; what they are now is in the twin. */
  onDesiredChange(version: number): void;
}

/**
 * One connection to the hub: it never reconnects by itself. Every call settles within a deadline of its own, and rejects once
 * the connection is lost.
 */
export interface Connection {
  /** Subscribes to the hub's calls: methods first, then changes of the desired properties. */
  subscribe(callbacks: HubCallbacks): Promise<void>;
  /** Reads the whole twin. Counts against the hub's quota. */
  readTwin(): Promise<TwinDocuments>;
  /** Patches the reported properties; resolves when the hub has acknowledged the patch. Counts against the hub's quota. */
  updateReported(patch: JsonObject): Promise<void>;
  readonly sendTelemetry: SendTelemetry;
  /** Resolves with the reason when the connection is lost. Never rejects. */
  readonly lost: Promise<Error>;
  /** Sends replies that are under way, then closes. Never rejects, and never takes longer than its deadline. */
  close(): Promise<void>;
}

/** Opens a new connection. Rejects when that fails, takes too long, or the signal aborts, leaving nothing open. */
export type Connect = (signal: AbortSignal) => Promise<Connection>;
