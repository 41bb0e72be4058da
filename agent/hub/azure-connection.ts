import { Message as HubMessage, NoRetry } from "azure-iot-common";
import { Client, DeviceMethodResponse, ModuleClient } from "azure-iot-device";
import { type Timer } from "../lib/clock.ts";
import { withDeadline } from "../lib/abort.ts";
import { isJsonObject, type Json, type JsonObject } from "../contract/json.ts";
import type { MethodReply } from "../contract/method-reply.ts";
import type { Log } from "../lib/log.ts";
import { webSocketAgent } from "../lib/proxy.ts";
import type { HubAddress } from "./address.ts";
import { loadWebSocket } from "./lighter-sdk.ts";
import {
  instrumentedTransportClass,
  type InstrumentedTransport,
  type MethodCall,
  type TwinResponse,
} from "./azure-transport.ts";
import { tokenLifetimeMs } from "./clock-offset.ts";
import type { HubCallbacks, Connection, TelemetryMessage, TwinDocuments } from "./connection.ts";
import { ConnectionError, classifyError, classifyStatus } from "./connection-error.ts";

/** How long a connection waits for the hub. */
export interface HubTimeouts {
  readonly openMs: number;
  readonly listenMs: number;
  readonly twinMs: number;
  readonly reportMs: number;
  /** For replies to methods that are under way when the connection is closed. */
  readonly lastRepliesMs: number;
  readonly closeMs: number;
  /** MQTT pings are free at the hub, and NAT routers drop quiet connections after minutes. */
  readonly keepaliveSeconds: number;
}

/** The SDK's calls may never settle when packets are lost, so each has a deadline of ours. */
const defaultTimeouts: HubTimeouts = {
  openMs: 20_000,
  listenMs: 10_000,
  // Above a throttle the hub queues before it answers: "make no assumptions about latency" (iot-hub-devguide-quotas-throttling).
  twinMs: 50_000,
  reportMs: 50_000,
  lastRepliesMs: 1_500,
  closeMs: 1_500,
  keepaliveSeconds: 60,
};

/** Longer than any connection lasts: the session renews the token when no call is under way, the SDK would not wait for that. */
const tokenLifetime = { tokenValidTimeInSeconds: tokenLifetimeMs / 1_000, tokenRenewalMarginInSeconds: 600 } as const;

/** How many replies are kept, so that a call that the hub delivers twice is carried out once. */
const keptReplies = 64;

export interface AzureConnectionOptions {
  readonly address: HubAddress;
  /** PEM of the authority that signed the hub's certificate, where the system's own do not know it. */
  readonly ca: string | undefined;
  readonly productInfo: string;
  readonly timer: Timer;
  readonly log: Log;
  readonly timeouts?: HubTimeouts;
}

/**
 * Opens one connection to IoT Hub with the Azure SDK: a new client each time, without the SDK's retries. It uses the SDK's
 * transport instead of its Twin object, which merges arrays wrongly, emits changes twice, and hides the hub's status codes.
 * Rejects with ConnectionError.
 */
export async function connectToAzure(
  { address, ca, productInfo, timer, log, timeouts = defaultTimeouts }: AzureConnectionOptions,
  signal: AbortSignal,
): Promise<Connection> {
  let created: InstrumentedTransport | undefined;
  const within = deadlines(timer);
  if (address.webSocket) await loadWebSocket();
  const transport = instrumentedTransportClass(address.webSocket, (one) => (created = one));
  const client =
    address.moduleId === undefined
      ? Client.fromConnectionString(address.connectionString, transport)
      : ModuleClient.fromConnectionString(address.connectionString, transport);
  if (created === undefined) throw new Error("The Azure SDK created no transport.");
  const instrumented: InstrumentedTransport = created;
  client.setRetryPolicy(new NoRetry());
  const close = async (): Promise<void> => {
    await within(timeouts.closeMs, "close", client.close()).catch((cause: unknown) => {
      log.debug({ err: cause }, "connection did not close cleanly");
    });
    instrumented.destroy();
  };
  const lost = new Promise<Error>((resolve) => {
    const end = (error: Error | undefined): void => {
      const why = instrumented.lastError ?? error;
      resolve(
        new ConnectionError("lost", "The connection to the hub was lost.", why === undefined ? {} : { cause: why }),
      );
    };
    client.on("disconnect", (result: { transportObj?: Error } | undefined) => end(result?.transportObj));
    client.on("error", end);
  });
  try {
    // One call: a second one would replace all options of the first one.
    await client.setOptions({
      ...(ca === undefined ? {} : { ca }),
      keepalive: timeouts.keepaliveSeconds,
      productInfo,
      tokenRenewal: tokenLifetime,
      ...(address.webSocket
        ? { mqtt: { webSocketAgent: webSocketAgent(address.host, address.webSocketPort, ca) } }
        : {}),
    });
    await within(timeouts.openMs, "connect", client.open(), signal);
  } catch (cause) {
    await close();
    throw classifyError(instrumented.lastError ?? cause, "connect");
  }
  return new AzureConnection({ instrumented, timeouts, within, lost, close });
}

interface OpenConnection {
  readonly instrumented: InstrumentedTransport;
  readonly timeouts: HubTimeouts;
  readonly within: Within;
  readonly lost: Promise<Error>;
  readonly close: () => Promise<void>;
}

class AzureConnection implements Connection {
  readonly lost: Promise<Error>;
  readonly #close: () => Promise<void>;
  readonly #instrumented: InstrumentedTransport;
  readonly #timeouts: HubTimeouts;
  readonly #within: Within;
  readonly #recentReplies = new Map<string, Promise<MethodReply>>();
  readonly #repliesUnderWay = new Set<Promise<void>>();
  readonly #pendingCalls = new Set<(cause: Error) => void>();
  /** Why no call can succeed any more: the connection is lost or closed. */
  #ended: Error | undefined;

  constructor({ instrumented, timeouts, within, lost, close }: OpenConnection) {
    this.#instrumented = instrumented;
    this.#timeouts = timeouts;
    this.#within = within;
    this.lost = lost;
    this.#close = close;
    void lost.then((cause) => this.#endCalls(cause));
  }

  async subscribe(callbacks: HubCallbacks): Promise<void> {
    const { transport } = this.#instrumented;
    this.#instrumented.listenForMethods((call) => {
      const replied = this.#replyTo(call, callbacks).finally(() => this.#repliesUnderWay.delete(replied));
      this.#repliesUnderWay.add(replied);
    });
    transport.on("twinDesiredPropertiesUpdate", (body: unknown) => {
      callbacks.onDesiredChange(parseTwinSection(body).version);
    });
    await this.#call(this.#timeouts.listenMs, "listen for methods", (done) => transport.enableMethods(done));
    await this.#call(this.#timeouts.listenMs, "listen for desired properties", (done) =>
      transport.enableTwinDesiredPropertiesUpdates(done),
    );
  }

  async readTwin(): Promise<TwinDocuments> {
    const twin = await this.#twinRequest(this.#timeouts.twinMs, "twin", (done) =>
      this.#instrumented.transport.getTwin(done),
    );
    if (!isJsonObject(twin))
      throw new ConnectionError("hub-error", "The hub answered the twin request without a twin.");
    const desired = parseTwinSection(twin["desired"]);
    const reported = parseTwinSection(twin["reported"]).content;
    return { desired: desired.content, desiredVersion: desired.version, reported };
  }

  async updateReported(patch: JsonObject): Promise<void> {
    await this.#twinRequest(this.#timeouts.reportMs, "report", (done) =>
      this.#instrumented.transport.updateTwinReportedProperties(patch, done),
    );
  }

  /** Marks the message as JSON in UTF-8: without that, the hub's routing queries do not see its body. */
  async sendTelemetry({ body, properties }: TelemetryMessage): Promise<void> {
    const message = new HubMessage(JSON.stringify(body));
    message.contentType = "application/json";
    message.contentEncoding = "utf-8";
    for (const [key, value] of Object.entries(properties)) message.properties.add(key, value);
    await this.#call(this.#timeouts.reportMs, "message", (done) =>
      this.#instrumented.transport.sendEvent(message, done),
    );
  }

  /** Waits for replies under way: a reboot must not take away the reply to the call that asked for it. */
  async close(): Promise<void> {
    this.#instrumented.listenForMethods(() => undefined);
    if (this.#repliesUnderWay.size > 0) {
      const replies = Promise.all(this.#repliesUnderWay);
      await this.#within(this.#timeouts.lastRepliesMs, "reply", replies).catch(() => undefined); // Too late: closed without.
    }
    this.#endCalls(new ConnectionError("own", "The connection is being closed."));
    await this.#close();
  }

  /** Rejects the calls under way, and all that come later. */
  #endCalls(cause: Error): void {
    this.#ended ??= cause;
    for (const reject of this.#pendingCalls) reject(cause);
  }

  /** A call that the hub delivers twice gets the same reply twice, and is carried out once. */
  async #replyTo({ name, body, requestId }: MethodCall, callbacks: HubCallbacks): Promise<void> {
    const known = this.#recentReplies.get(requestId);
    const replied = known ?? callbacks.onMethod(name, parsePayload(body));
    this.#recentReplies.set(requestId, replied);
    const [oldest] = this.#recentReplies.keys();
    if (this.#recentReplies.size > keptReplies && oldest !== undefined) this.#recentReplies.delete(oldest);
    const reply = await replied;
    const response = new DeviceMethodResponse(requestId, this.#instrumented.transport);
    // A lost reply is a time-out for its caller; nothing that could be done here would change that.
    await response.send(reply.status, reply.payload).catch(() => undefined);
    if (known === undefined) setImmediate(() => callbacks.onMethodAnswered(name, reply)); // mqtt.js writes before this turn ends.
  }

  /** A twin request. The SDK reports an error response without a body as success, so the status of the response decides. */
  async #twinRequest(
    withinMs: number,
    during: string,
    start: (done: (error?: Error, result?: unknown) => void) => void,
  ): Promise<unknown> {
    return await this.#call<unknown>(withinMs, during, (done) =>
      start((error, result) => done(refusal(this.#instrumented.twinResponse, during) ?? error, result)),
    );
  }

  /** One call of the SDK's transport: settles by its callback, at the deadline, or when the connection is lost. */
  async #call<T = undefined>(
    withinMs: number,
    during: string,
    start: (done: (error?: Error, result?: T) => void) => void,
  ): Promise<T | undefined> {
    if (this.#ended !== undefined) throw this.#ended;
    let rejectCall: (cause: Error) => void = () => undefined;
    const called = new Promise<T | undefined>((resolve, reject) => {
      rejectCall = reject;
      start((error, result) => (error ? this.#rejectUnlessLost(error, reject) : resolve(result)));
    });
    this.#pendingCalls.add(rejectCall);
    try {
      return await this.#within(withinMs, during, called);
    } finally {
      this.#pendingCalls.delete(rejectCall);
    }
  }

  /**
   * The SDK has errors of its own for calls that a lost connection cuts off, and tells them before the loss: they are left to
   * `lost`, so that the loss is what they failed by. The hub's answers are taken at once.
   */
  #rejectUnlessLost(error: Error, reject: (cause: Error) => void): void {
    if (error instanceof ConnectionError) reject(error);
    // When mqtt.js has closed: its callbacks come before.
    else setImmediate(() => this.#instrumented.isConnected && reject(error));
  }
}

/** The error for a response to a twin request; undefined where the response is a success, or there is none. */
function refusal(response: TwinResponse | undefined, during: string): ConnectionError | undefined {
  if (response === undefined || (response.status >= 200 && response.status <= 299)) return undefined;
  return classifyStatus(response.status, response.errorCode, during);
}

function parsePayload(body: Buffer | undefined): unknown {
  const text = body?.toString("utf8") ?? "";
  if (text.trim() === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    return text; // Refused, with a sentence, where payloads are checked.
  }
}

/** A twin section as it crosses the wire: its content, and its `$version`. */
function parseTwinSection(section: unknown): { content: JsonObject; version: number } {
  const entries = isJsonObject(section) ? Object.entries(section) : [];
  const content: Record<string, Json> = Object.fromEntries(entries.filter(([key]) => !key.startsWith("$")));
  const version = isJsonObject(section) ? Number(section["$version"] ?? 0) : 0;
  return { content, version };
}

type Within = <T>(withinMs: number, during: string, work: Promise<T>, signal?: AbortSignal) => Promise<T>;

/** Rejects with ConnectionError: `silent` when the time is up, `own` when the signal aborts. */
function deadlines(timer: Timer): Within {
  return async (withinMs, during, work, signal) => {
    const late = (): Error => new ConnectionError("silent", `${during}: no answer within ${withinMs / 1_000} s`);
    try {
      return await withDeadline(work, { timer, withinMs, late, signal });
    } catch (cause) {
      if (signal?.aborted === true) throw new ConnectionError("own", "The agent stops.", { cause });
      throw cause;
    }
  };
}
