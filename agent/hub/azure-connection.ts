import { Message as HubMessage, NoRetry } from "azure-iot-common";
import { Client, DeviceMethodResponse, ModuleClient } from "azure-iot-device";
import { isJsonObject, type Json, type JsonObject } from "../contract/json.ts";
import type { MethodReply } from "../contract/methods.ts";
import type { Log } from "../lib/log.ts";
import { webSocketAgent } from "../lib/proxy.ts";
import type { HubAddress } from "./address.ts";
import { transportWith, type Line, type MethodCall } from "./azure-transport.ts";
import type { Callers, Connection, Message, TwinDocuments } from "./connection.ts";
import { LinkTrouble, troubleFrom, troubleOfStatus } from "./connection-error.ts";

/** How long the link waits for the hub. */
export interface Patience {
  readonly openMs: number;
  readonly listenMs: number;
  readonly twinMs: number;
  readonly reportMs: number;
  /** For answers that are being given when the connection is closed. */
  readonly lastAnswersMs: number;
  readonly closeMs: number;
  /** MQTT pings are free at the hub, and NAT boxes forget quiet connections after minutes. */
  readonly keepaliveSeconds: number;
}

/** The SDK's calls may never settle when packets vanish: each has a deadline of ours. */
const usualPatience: Patience = {
  openMs: 20_000,
  listenMs: 10_000,
  twinMs: 10_000,
  reportMs: 10_000,
  lastAnswersMs: 1_500,
  closeMs: 1_500,
  keepaliveSeconds: 60,
};

/** Longer than any connection lasts: the supervisor renews it in a quiet moment, the SDK would not look for one. */
const tokenLife = { tokenValidTimeInSeconds: 48 * 3_600, tokenRenewalMarginInSeconds: 600 } as const;

/** Calls that came lately are remembered, so that one that is delivered twice is carried out once. */
const rememberedCalls = 64;

export interface AzureLinkOptions {
  readonly address: HubAddress;
  /** PEM of the authority that signed the hub's certificate, where the system's own do not know it. */
  readonly ca: string | undefined;
  readonly productInfo: string;
  readonly log: Log;
  readonly patience?: Patience;
}

/**
 * Opens one connection to IoT Hub with the Azure SDK: a new client each time, without its retries. It lives on the SDK's
 * transport rather than on its Twin object: the Twin merges arrays wrongly, re-emits, and hides what the hub answered.
 * Rejects with LinkTrouble.
 */
export async function connectToAzure(
  { address, ca, productInfo, log, patience = usualPatience }: AzureLinkOptions,
  signal: AbortSignal,
): Promise<Connection> {
  let made: Line | undefined;
  const transport = transportWith(address.webSocket, (line) => (made = line));
  const client =
    address.moduleId === undefined
      ? Client.fromConnectionString(address.connectionString, transport)
      : ModuleClient.fromConnectionString(address.connectionString, transport);
  if (made === undefined) throw new Error("The Azure SDK made no transport.");
  const line: Line = made;
  client.setRetryPolicy(new NoRetry());
  const close = async (): Promise<void> => {
    await within(patience.closeMs, "close", client.close()).catch((cause: unknown) => {
      log.debug({ err: cause }, "connection did not close cleanly");
    });
    line.sever();
  };
  const lost = new Promise<Error>((resolve) => {
    const end = (error: Error | undefined): void => {
      const why = line.error ?? error;
      resolve(new LinkTrouble("lost", "The connection to the hub was lost.", why === undefined ? {} : { cause: why }));
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
      tokenRenewal: tokenLife,
      ...(address.webSocket
        ? { mqtt: { webSocketAgent: webSocketAgent(address.host, address.webSocketPort, ca) } }
        : {}),
    });
    await within(patience.openMs, "connect", client.open(), signal);
  } catch (cause) {
    await close();
    throw troubleFrom(line.error ?? cause, "connect");
  }
  return new AzureConnection(line, patience, lost, close);
}

class AzureConnection implements Connection {
  readonly lost: Promise<Error>;
  readonly #close: () => Promise<void>;
  readonly #line: Line;
  readonly #patience: Patience;
  readonly #calls = new Map<string, Promise<MethodReply>>();
  readonly #answering = new Set<Promise<void>>();
  readonly #underWay = new Set<(cause: Error) => void>();

  constructor(line: Line, patience: Patience, lost: Promise<Error>, close: () => Promise<void>) {
    this.#line = line;
    this.#patience = patience;
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
      const change = sectionFrom(body);
      callers.desired({ patch: change.content, version: change.version });
    });
    await this.#call(this.#patience.listenMs, "listen for methods", (done) => transport.enableMethods(done));
    await this.#call(this.#patience.listenMs, "listen for desired properties", (done) =>
      transport.enableTwinDesiredPropertiesUpdates(done),
    );
  }

  async twin(): Promise<TwinDocuments> {
    const twin = await this.#ask(this.#patience.twinMs, "twin", (done) => this.#line.transport.getTwin(done));
    if (!isJsonObject(twin)) throw new LinkTrouble("hub-error", "The hub answered the twin request without a twin.");
    const desired = sectionFrom(twin["desired"]);
    const reported = sectionFrom(twin["reported"]).content;
    return { desired: desired.content, desiredVersion: desired.version, reported };
  }

  async report(patch: JsonObject): Promise<void> {
    await this.#ask(this.#patience.reportMs, "report", (done) =>
      this.#line.transport.updateTwinReportedProperties(patch, done),
    );
  }

  /** Says that it is JSON in UTF-8: without that, a hub's routing queries see no body. */
  async emit({ body, properties }: Message): Promise<void> {
    const message = new HubMessage(JSON.stringify(body));
    message.contentType = "application/json";
    message.contentEncoding = "utf-8";
    for (const [key, value] of Object.entries(properties)) message.properties.add(key, value);
    await this.#call(this.#patience.reportMs, "message", (done) => this.#line.transport.sendEvent(message, done));
  }

  /** Lets answers out that are being given: a reboot must not take away the answer to the call that asked for it. */
  async close(): Promise<void> {
    this.#line.onMethod = () => undefined;
    if (this.#answering.size > 0) {
      const answered = Promise.all(this.#answering);
      await within(this.#patience.lastAnswersMs, "answer", answered).catch(() => undefined); // Then they come too late.
    }
    this.#giveUp(new LinkTrouble("own", "The connection is being closed."));
    await this.#close();
  }

  #giveUp(cause: Error): void {
    for (const giveUp of this.#underWay) giveUp(cause);
  }

  /** A call that the hub delivers twice gets the same answer twice, and is carried out once. */
  async #answer({ name, body, requestId }: MethodCall, callers: Callers): Promise<void> {
    const known = this.#calls.get(requestId);
    const replied = known ?? callers.method(name, payloadOf(body));
    this.#calls.set(requestId, replied);
    const [oldest] = this.#calls.keys();
    if (this.#calls.size > rememberedCalls && oldest !== undefined) this.#calls.delete(oldest);
    const reply = await replied;
    const response = new DeviceMethodResponse(requestId, this.#line.transport);
    // A lost answer is a time-out for the caller, and nothing that could be done here would change that.
    await response.send(reply.status, reply.payload).catch(() => undefined);
    if (known === undefined) callers.answered(name, reply);
  }

  /** A twin request. The SDK passes a refusal without a body off as success, so the status of the answer decides. */
  async #ask(
    deadlineMs: number,
    what: string,
    begin: (done: (error?: Error, result?: unknown) => void) => void,
  ): Promise<unknown> {
    this.#line.answer = undefined;
    try {
      const result = await this.#call(deadlineMs, what, begin);
      this.#expectGood(what);
      return result;
    } catch (cause) {
      this.#expectGood(what);
      throw cause;
    }
  }

  #expectGood(what: string): void {
    const { answer } = this.#line;
    if (answer === undefined || (answer.status >= 200 && answer.status <= 299)) return;
    throw troubleOfStatus(answer.status, answer.errorCode, what);
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
    this.#underWay.add(giveUp);
    try {
      return await within(deadlineMs, what, called);
    } finally {
      this.#underWay.delete(giveUp);
    }
  }
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
function sectionFrom(section: unknown): { content: JsonObject; version: number } {
  const entries = isJsonObject(section) ? Object.entries(section) : [];
  const content: Record<string, Json> = Object.fromEntries(entries.filter(([key]) => !key.startsWith("$")));
  const version = isJsonObject(section) ? Number(section["$version"] ?? 0) : 0;
  return { content, version };
}

async function within<T>(deadlineMs: number, what: string, work: Promise<T>, signal?: AbortSignal): Promise<T> {
  const over = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const stop = (): void => reject(new LinkTrouble("own", "The agent stops."));
    if (signal?.aborted === true) stop();
    signal?.addEventListener("abort", stop, { signal: over.signal });
    const silence = new LinkTrouble("silent", `${what}: no answer within ${deadlineMs / 1_000} s`);
    timer = setTimeout(() => reject(silence), deadlineMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}
