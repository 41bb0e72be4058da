import { Agent } from "node:https";
import { NoRetry, type AuthenticationProvider } from "azure-iot-common";
import { Client, ModuleClient, DeviceMethodResponse } from "azure-iot-device";
import { Mqtt, MqttWs } from "azure-iot-device-mqtt";
import { MqttBase } from "azure-iot-mqtt-base";
import { isJsonObject, type Json, type JsonObject } from "../contract/json.ts";
import type { Log } from "../log.ts";
import type { HubAddress } from "./address.ts";
import type { Callers, Connection, TwinDocuments } from "./link.ts";

/** The SDK's calls may never settle when packets vanish: each has a deadline of ours. */
const deadlines = {
  openMs: 20_000,
  listenMs: 10_000,
  twinMs: 10_000,
  reportMs: 10_000,
  lastAnswersMs: 1_500,
  closeMs: 2_000,
} as const;

/** MQTT pings are free at the hub, and NAT boxes forget quiet connections after minutes. */
const keepaliveSeconds = 60;

export interface AzureLinkOptions {
  readonly address: HubAddress;
  /** PEM of the authority that signed the hub's certificate, where the system's own do not know it. */
  readonly ca: string | undefined;
  readonly productInfo: string;
  readonly log: Log;
}

/**
 * Opens one connection to IoT Hub with the Azure SDK: a new client each time, without its retries. It lives on the SDK's
 * transport rather than on its Twin object: the Twin merges arrays wrongly, re-emits, and hides what the hub answered.
 */
export async function connectToAzure(
  { address, ca, productInfo, log }: AzureLinkOptions,
  signal: AbortSignal,
): Promise<Connection> {
  let line: Line | undefined;
  const taken = (opened: Line): void => void (line = opened);
  const transport = listening(address.webSocket ? MqttWs : Mqtt, taken);
  const client =
    address.moduleId === undefined
      ? Client.fromConnectionString(address.connectionString, transport)
      : ModuleClient.fromConnectionString(address.connectionString, transport);
  if (line === undefined) throw new Error("The Azure SDK made no transport.");
  client.setRetryPolicy(new NoRetry());
  const close = (): Promise<void> => closeQuietly(client, log);
  const lost = new Promise<Error>((resolve) => {
    client.on("disconnect", (result: { transportObj?: Error } | undefined) => {
      resolve(result?.transportObj ?? new Error("The connection to the hub was closed."));
    });
    client.on("error", (error: Error) => resolve(error));
  });
  try {
    // One call: a second one would replace all options of the first.
    await client.setOptions({
      ...(ca === undefined ? {} : { ca }),
      keepalive: keepaliveSeconds,
      productInfo,
      ...(address.webSocket
        ? { mqtt: { webSocketAgent: new Agent({ port: address.webSocketPort, ...(ca === undefined ? {} : { ca }) }) } }
        : {}),
    });
    await within(deadlines.openMs, "open", client.open(), signal);
  } catch (cause) {
    await close();
    throw cause;
  }
  return new AzureConnection(line, lost, close);
}

class AzureConnection implements Connection {
  readonly lost: Promise<Error>;
  readonly #close: () => Promise<void>;
  readonly #line: Line;
  readonly #answering = new Set<Promise<void>>();
  readonly #underWay = new Set<(cause: Error) => void>();

  constructor(line: Line, lost: Promise<Error>, close: () => Promise<void>) {
    this.#line = line;
    this.lost = lost;
    this.#close = close;
    void lost.then((cause) => this.#giveUp(cause));
  }

  async listen(callers: Callers): Promise<void> {
    const { transport } = this.#line;
    this.#line.onMethod = (call) => {
      const answered = this.#answer(call, callers).finally(() => this.#answering.delete(answered));
      this.#answering.add(answered);
    };
    transport.on("twinDesiredPropertiesUpdate", (body: unknown) => {
      const change = desiredFrom(body);
      callers.desired({ patch: change.content, version: change.version });
    });
    await this.#call(deadlines.listenMs, "subscribe to methods", (done) => transport.enableMethods(done));
    await this.#call(deadlines.listenMs, "subscribe to desired properties", (done) =>
      transport.enableTwinDesiredPropertiesUpdates(done),
    );
  }

  async twin(): Promise<TwinDocuments> {
    const twin = await this.#call<unknown>(deadlines.twinMs, "read the twin", (done) =>
      this.#line.transport.getTwin(done),
    );
    this.#expectStatus("read the twin");
    if (!isJsonObject(twin)) throw new Error("The hub answered the twin request without a twin.");
    const desired = desiredFrom(twin["desired"]);
    return {
      desired: desired.content,
      desiredVersion: desired.version,
      reported: desiredFrom(twin["reported"]).content,
    };
  }

  async report(patch: JsonObject): Promise<void> {
    await this.#call(deadlines.reportMs, "report", (done) =>
      this.#line.transport.updateTwinReportedProperties(patch, done),
    );
    this.#expectStatus("report");
  }

  /** Lets answers out that are being given: a reboot must not take away the answer to the call that asked for it. */
  async close(): Promise<void> {
    this.#line.onMethod = () => undefined;
    if (this.#answering.size > 0)
      await within(deadlines.lastAnswersMs, "answer", Promise.all(this.#answering)).catch(() => undefined);
    this.#giveUp(new Error("The connection is being closed."));
    await this.#close();
  }

  #giveUp(cause: Error): void {
    for (const giveUp of this.#underWay) giveUp(cause);
  }

  /** The SDK passes a refusal without a body off as success; the status is in the topic of the hub's answer. */
  #expectStatus(what: string): void {
    const { lastStatus } = this.#line;
    if (lastStatus !== undefined && (lastStatus < 200 || lastStatus > 299)) {
      throw new Error(`The hub answered "${what}" with status ${lastStatus}.`);
    }
  }

  async #answer({ name, body, requestId }: MethodCall, callers: Callers): Promise<void> {
    const reply = await callers.method(name, payloadOf(body));
    const response = new DeviceMethodResponse(requestId, this.#line.transport);
    // A lost answer is a time-out for the caller, and nothing that could be done here would change that.
    await response.send(reply.status, reply.payload).catch(() => undefined);
  }

  /** One call of the SDK's transport: settles by its callback, by the deadline, or by the loss of the connection. */
  async #call<T = undefined>(
    deadlineMs: number,
    what: string,
    begin: (done: (error?: Error, result?: T) => void) => void,
  ): Promise<T | undefined> {
    let giveUp: (cause: Error) => void = () => undefined;
    const called = new Promise<T | undefined>((resolve, reject) => {
      giveUp = (cause) => reject(new Error(`The connection was lost during "${what}".`, { cause }));
      begin((error, result) => (error ? reject(error) : resolve(result)));
    });
    this.#underWay.add(giveUp);
    try {
      return await within(deadlineMs, what, called);
    } finally {
      this.#underWay.delete(giveUp);
    }
  }
}

interface MethodCall {
  readonly name: string;
  readonly body: Buffer | undefined;
  readonly requestId: string;
}

/** The SDK's transport for one connection, with what the SDK does not pass on: every method's call, and answers' status. */
class Line {
  readonly transport: Mqtt;
  onMethod: (call: MethodCall) => void = () => undefined;
  /** Of the hub's last answer to a twin request. At most one is under way. */
  lastStatus: number | undefined;

  constructor(transport: Mqtt, base: MqttBase) {
    this.transport = transport;
    base.prependListener("message", (topic: string) => {
      const status = /^\$iothub\/twin\/res\/(\d+)\//.exec(topic)?.[1];
      if (status !== undefined) this.lastStatus = Number(status);
    });
  }

  /** True when an event was a method's call: the SDK would leave those without a listener unanswered. */
  takes(event: string | symbol, message: unknown): boolean {
    if (typeof event !== "string" || !event.startsWith("method_") || !isMethodMessage(message)) return false;
    this.onMethod({ name: event.slice("method_".length), body: message.body, requestId: message.requestId });
    return true;
  }
}

function isMethodMessage(message: unknown): message is { requestId: string; body?: Buffer } {
  return (
    typeof message === "object" && message !== null && "requestId" in message && typeof message.requestId === "string"
  );
}

type TransportClass = new (provider: AuthenticationProvider) => Mqtt;

function listening(Transport: typeof Mqtt, taken: (line: Line) => void): TransportClass {
  return class extends Transport {
    // Optional: the SDK's constructor emits before this class's own fields exist.
    private readonly line?: Line;
    constructor(provider: AuthenticationProvider) {
      const base = new MqttBase();
      super(provider, base);
      this.line = new Line(this, base);
      taken(this.line);
    }
    override emit(event: string | symbol, ...values: unknown[]): boolean {
      return this.line?.takes(event, values[0]) === true || super.emit(event, ...values);
    }
  };
}

function payloadOf(body: Buffer | undefined): unknown {
  const text = body?.toString("utf8") ?? "";
  if (text.trim() === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    return text; // Told apart, and refused with words, where payloads are checked.
  }
}

/** A twin section as it crosses the wire: its content, and its `$version`. */
function desiredFrom(section: unknown): { content: JsonObject; version: number } {
  const entries = isJsonObject(section) ? Object.entries(section) : [];
  const content: Record<string, Json> = Object.fromEntries(entries.filter(([key]) => !key.startsWith("$")));
  const version = isJsonObject(section) ? Number(section["$version"] ?? 0) : 0;
  return { content, version };
}

async function within<T>(deadlineMs: number, what: string, work: Promise<T>, signal?: AbortSignal): Promise<T> {
  const over = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const stop = (): void => reject(signal?.reason);
    if (signal?.aborted === true) stop();
    signal?.addEventListener("abort", stop, { signal: over.signal });
    timer = setTimeout(() => reject(new Error(`No answer to "${what}" within ${deadlineMs / 1_000} s.`)), deadlineMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}

async function closeQuietly(client: Client | ModuleClient, log: Log): Promise<void> {
  try {
    await within(deadlines.closeMs, "close", client.close());
  } catch (cause) {
    log.debug({ err: cause }, "connection did not close cleanly");
  }
}
