import { Message as HubMessage, NoRetry } from "azure-iot-common";
import { Client, DeviceMethodResponse, ModuleClient } from "azure-iot-device";
import { isJsonObject, type Json, type JsonObject } from "../contract/json.ts";
import type { MethodReply } from "../contract/methods.ts";
import type { Log } from "../lib/log.ts";
import { webSocketAgent } from "../lib/proxy.ts";
import type { HubAddress } from "./address.ts";
import { instrumentedTransportClass, type InstrumentedTransport, type MethodCall } from "./azure-transport.ts";
import type { HubCallbacks, Connection, TelemetryMessage, TwinDocuments } from "./connection.ts";
import { ConnectionError, classifyError, classifyStatus } from "./connection-error.ts";

/** How long the link waits for the hub. */
export interface HubTimeouts {
  readonly openMs: number;
  readonly listenMs: number;
  readonly twinMs: number;
  readonly reportMs: number;
  /** For answers that are being given when the connection is closed. */
  readonly lastRepliesMs: number;
  readonly closeMs: number;
  /** MQTT pings are free at the hub, and NAT boxes forget quiet connections after minutes. */
  readonly keepaliveSeconds: number;
}

/** The SDK's calls may never settle when packets vanish: each has a deadline of ours. */
const defaultTimeouts: HubTimeouts = {
  openMs: 20_000,
  listenMs: 10_000,
  twinMs: 10_000,
  reportMs: 10_000,
  lastRepliesMs: 1_500,
  closeMs: 1_500,
  keepaliveSeconds: 60,
};

/** Longer than any connection lasts: the supervisor renews it in a quiet moment, the SDK would not look for one. */
const tokenLifetime = { tokenValidTimeInSeconds: 48 * 3_600, tokenRenewalMarginInSeconds: 600 } as const;

/** Calls that came lately are remembered, so that one that is delivered twice is carried out once. */
const rememberedCalls = 64;

export interface AzureConnectionOptions {
  readonly address: HubAddress;
  /** PEM of the authority that signed the hub's certificate, where the system's own do not know it. */
  readonly ca: string | undefined;
  readonly productInfo: string;
  readonly log: Log;
  readonly timeouts?: HubTimeouts;
}

/**
 * Opens one connection to IoT Hub with the Azure SDK: a new client each time, without its retries. It lives on the SDK's
 * transport rather than on its Twin object: the Twin merges arrays wrongly, re-emits, and hides what the hub answered.
 * Rejects with LinkTrouble.
 */
export async function connectToAzure(
  { address, ca, productInfo, log, timeouts: patience = defaultTimeouts }: AzureConnectionOptions,
  signal: AbortSignal,
): Promise<Connection> {
  let made: InstrumentedTransport | undefined;
  const transport = instrumentedTransportClass(address.webSocket, (line) => (made = line));
  const client =
    address.moduleId === undefined
      ? Client.fromConnectionString(address.connectionString, transport)
      : ModuleClient.fromConnectionString(address.connectionString, transport);
  if (made === undefined) throw new Error("The Azure SDK made no transport.");
  const line: InstrumentedTransport = made;
  client.setRetryPolicy(new NoRetry());
  const close = async (): Promise<void> => {
    await within(patience.closeMs, "close", client.close()).catch((cause: unknown) => {
      log.debug({ err: cause }, "connection did not close cleanly");
    });
    line.destroy();
  };
  const lost = new Promise<Error>((resolve) => {
    const end = (error: Error | undefined): void => {
      const why = line.lastError ?? error;
      resolve(
        new ConnectionError("lost", "The connection to the hub was lost.", why === undefined ? {} : { cause: why }),
      );
    };
    client.on("disconnect", (result: { transportObj?: Error } | undefined) => end(result?.transportObj));
    client.on("error", end);
  });
  try {
    // One call: a second one would replace all options of the first.
    await client.setOptions({
      ...(ca === undefined ? {} : { ca }),
      keepalive: patience.keepaliveSeconds,
      productInfo,
      tokenRenewal: tokenLifetime,
      ...(address.webSocket
        ? { mqtt: { webSocketAgent: webSocketAgent(address.host, address.webSocketPort, ca) } }
        : {}),
    });
    await within(patience.openMs, "connect", client.open(), signal);
  } catch (cause) {
    await close();
    throw classifyError(line.lastError ?? cause, "connect");
  }
  return new AzureConnection(line, patience, lost, close);
}

class AzureConnection implements Connection {
  readonly lost: Promise<Error>;
  readonly #close: () => Promise<void>;
  readonly #instrumented: InstrumentedTransport;
  readonly #timeouts: HubTimeouts;
  readonly #recentReplies = new Map<string, Promise<MethodReply>>();
  readonly #repliesUnderWay = new Set<Promise<void>>();
  readonly #pendingCalls = new Set<(cause: Error) => void>();

  constructor(line: InstrumentedTransport, patience: HubTimeouts, lost: Promise<Error>, close: () => Promise<void>) {
    this.#instrumented = line;
    this.#timeouts = patience;
    this.lost = lost;
    this.#close = close;
    void lost.then((cause) => this.#rejectPendingCalls(cause));
  }

  async subscribe(callers: HubCallbacks): Promise<void> {
    const { transport } = this.#instrumented;
    this.#instrumented.onMethod = (call) => {
      const answered = this.#replyTo(call, callers).finally(() => this.#repliesUnderWay.delete(answered));
      this.#repliesUnderWay.add(answered);
    };
    transport.on("twinDesiredPropertiesUpdate", (body: unknown) => {
      const change = parseTwinSection(body);
      callers.onDesiredPatch({ patch: change.content, version: change.version });
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

  /** Says that it is JSON in UTF-8: without that, a hub's routing queries see no body. */
  async sendTelemetry({ body, properties }: TelemetryMessage): Promise<void> {
    const message = new HubMessage(JSON.stringify(body));
    message.contentType = "application/json";
    message.contentEncoding = "utf-8";
    for (const [key, value] of Object.entries(properties)) message.properties.add(key, value);
    await this.#call(this.#timeouts.reportMs, "message", (done) =>
      this.#instrumented.transport.sendEvent(message, done),
    );
  }

  /** Lets answers out that are being given: a reboot must not take away the answer to the call that asked for it. */
  async close(): Promise<void> {
    this.#instrumented.onMethod = () => undefined;
    if (this.#repliesUnderWay.size > 0) {
      const answered = Promise.all(this.#repliesUnderWay);
      await within(this.#timeouts.lastRepliesMs, "answer", answered).catch(() => undefined); // Then they come too late.
    }
    this.#rejectPendingCalls(new ConnectionError("own", "The connection is being closed."));
    await this.#close();
  }

  #rejectPendingCalls(cause: Error): void {
    for (const giveUp of this.#pendingCalls) giveUp(cause);
  }

  /** A call that the hub delivers twice gets the same answer twice, and is carried out once. */
  async #replyTo({ name, body, requestId }: MethodCall, callers: HubCallbacks): Promise<void> {
    const known = this.#recentReplies.get(requestId);
    const replied = known ?? callers.onMethod(name, parsePayload(body));
    this.#recentReplies.set(requestId, replied);
    const [oldest] = this.#recentReplies.keys();
    if (this.#recentReplies.size > rememberedCalls && oldest !== undefined) this.#recentReplies.delete(oldest);
    const reply = await replied;
    const response = new DeviceMethodResponse(requestId, this.#instrumented.transport);
    // A lost answer is a time-out for the caller, and nothing that could be done here would change that.
    await response.send(reply.status, reply.payload).catch(() => undefined);
    if (known === undefined) callers.onMethodAnswered(name, reply);
  }

  /** A twin request. The SDK passes a refusal without a body off as success, so the status of the answer decides. */
  async #twinRequest(
    deadlineMs: number,
    what: string,
    begin: (done: (error?: Error, result?: unknown) => void) => void,
  ): Promise<unknown> {
    this.#instrumented.lastTwinResponse = undefined;
    try {
      const result = await this.#call(deadlineMs, what, begin);
      this.#throwOnErrorStatus(what);
      return result;
    } catch (cause) {
      this.#throwOnErrorStatus(what);
      throw cause;
    }
  }

  #throwOnErrorStatus(what: string): void {
    const { lastTwinResponse: answer } = this.#instrumented;
    if (answer === undefined || (answer.status >= 200 && answer.status <= 299)) return;
    throw classifyStatus(answer.status, answer.errorCode, what);
  }

  /** One call of the SDK's transport: settles by its callback, by the deadline, or by the loss of the connection. */
  async #call<T = undefined>(
    deadlineMs: number,
    what: string,
    begin: (done: (error?: Error, result?: T) => void) => void,
  ): Promise<T | undefined> {
    let giveUp: (cause: Error) => void = () => undefined;
    const called = new Promise<T | undefined>((resolve, reject) => {
      giveUp = reject;
      begin((error, result) => (error ? reject(error) : resolve(result)));
    });
    this.#pendingCalls.add(giveUp);
    try {
      return await within(deadlineMs, what, called);
    } finally {
      this.#pendingCalls.delete(giveUp);
    }
  }
}

function parsePayload(body: Buffer | undefined): unknown {
  const text = body?.toString("utf8") ?? "";
  if (text.trim() === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    return text; // Told apart, and refused with words, where payloads are checked.
  }
}

/** A twin section as it crosses the wire: its content, and its `$version`. */
function parseTwinSection(section: unknown): { content: JsonObject; version: number } {
  const entries = isJsonObject(section) ? Object.entries(section) : [];
  const content: Record<string, Json> = Object.fromEntries(entries.filter(([key]) => !key.startsWith("$")));
  const version = isJsonObject(section) ? Number(section["$version"] ?? 0) : 0;
  return { content, version };
}

async function within<T>(deadlineMs: number, what: string, work: Promise<T>, signal?: AbortSignal): Promise<T> {
  const over = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const stop = (): void => reject(new ConnectionError("own", "The agent stops."));
    if (signal?.aborted === true) stop();
    signal?.addEventListener("abort", stop, { signal: over.signal });
    const silence = new ConnectionError("silent", `${what}: no answer within ${deadlineMs / 1_000} s`);
    timer = setTimeout(() => reject(silence), deadlineMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}
