import type { AuthenticationProvider } from "azure-iot-common";
import { Mqtt, MqttWs } from "azure-iot-device-mqtt";
import { MqttBase } from "azure-iot-mqtt-base";
import { isJsonObject } from "../contract/json.ts";
import { omitNumberTable } from "./lighter-sdk.ts";

/** A direct method's call, as it arrived. */
export interface MethodCall {
  readonly name: string;
  readonly body: Buffer | undefined;
  readonly requestId: string;
}

/** The hub's response to a twin request: its status, and the error code in its body if there is one. */
export interface TwinResponse {
  readonly status: number;
  readonly errorCode: number | undefined;
}

/** More calls than this do not wait for a board that is only just connecting: their callers time out, and call again. */
const mostEarlyCalls = 16;

/** What is used of an mqtt.js client. */
interface MqttClient {
  /** From CONNACK until the socket is closed. */
  readonly connected: boolean;
  on(event: "error", listener: (error: Error) => void): void;
  end(force: boolean): void;
}

/** The SDK's transport of one connection, and what the SDK does not pass on: status codes, errors and unheard method calls. */
export class InstrumentedTransport {
  readonly transport: Mqtt;
  #onMethod: ((call: MethodCall) => void) | undefined;
  /** Calls that came before anybody listened: a hub that kept our session may send one together with CONNACK. */
  #earlyCalls: MethodCall[] = [];
  /**
   * The response that the SDK is just handing to the callback of its request (by `$rid`, at once); undefined at any other time.
   * Callbacks read it here: several requests may be under way, and their responses may arrive in one piece.
   */
  twinResponse: TwinResponse | undefined;
  /** The last error of mqtt.js, with the codes of Node and of CONNACK that the SDK drops. */
  lastError: Error | undefined;
  readonly #clients: MqttClient[] = [];
  readonly #provider: AuthenticationProvider;

  constructor(transport: Mqtt, base: MqttBase, provider: AuthenticationProvider) {
    this.transport = transport;
    this.#provider = provider;
    // Before and after the SDK's own listener, which is there since the transport was made.
    base.prependListener("message", (topic: string, payload: Buffer) => {
      this.twinResponse = parseTwinResponse(topic, payload);
    });
    base.on("message", () => (this.twinResponse = undefined));
    this.#trackMqttClients(base);
  }

  /**
   * Calls back for every method call, those that have arrived before included: the SDK leaves calls of methods without a
   * listener unanswered.
   */
  listenForMethods(onMethod: (call: MethodCall) => void): void {
    this.#onMethod = onMethod;
    for (const call of this.#earlyCalls.splice(0)) onMethod(call);
  }

  /** True when an event of the transport was a method call: it is passed to the listener for methods, and to nobody else. */
  interceptMethodCall(event: string | symbol, message: unknown): boolean {
    if (typeof event !== "string" || !event.startsWith("method_") || !isMethodMessage(message)) return false;
    const call = { name: event.slice("method_".length), body: message.body, requestId: message.requestId };
    if (this.#onMethod !== undefined) this.#onMethod(call);
    else if (this.#earlyCalls.length < mostEarlyCalls) this.#earlyCalls.push(call);
    return true;
  }

  get isConnected(): boolean {
    return this.#clients.some(({ connected }) => connected);
  }

  /**
   * Closes the socket without DISCONNECT, and stops the timer that would renew the token: a close that waits for an
   * unreachable hub would keep socket, timer and client for a quarter of an hour.
   */
  destroy(): void {
    for (const client of this.#clients) client.end(true);
    if ("stop" in this.#provider && typeof this.#provider.stop === "function") this.#provider.stop();
  }

  /** The base does not expose its mqtt.js client, so this wraps what creates it. Read in azure-iot-mqtt-base 1.13.3. */
  #trackMqttClients(base: MqttBase): void {
    const mqtt: { connect(uri: string, options: object): MqttClient } = Reflect.get(base, "mqttProvider");
    Reflect.set(base, "mqttProvider", {
      connect: (uri: string, options: object): MqttClient => {
        const client = mqtt.connect(uri, options);
        client.on("error", (error) => (this.lastError = error));
        this.#clients.push(client);
        return client;
      },
    });
  }
}

type TransportClass = new (provider: AuthenticationProvider) => Mqtt;

/** The SDK's transport class; each transport that it creates is instrumented and passed to `onCreated`. */
export function instrumentedTransportClass(
  webSocket: boolean,
  onCreated: (transport: InstrumentedTransport) => void,
): TransportClass {
  omitNumberTable();
  const Transport: typeof Mqtt = webSocket ? MqttWs : Mqtt;
  return class extends Transport {
    // Optional: the SDK's constructor emits before this class's own fields exist.
    private readonly instrumented?: InstrumentedTransport;
    constructor(provider: AuthenticationProvider) {
      const base = new MqttBase();
      super(provider, base);
      this.instrumented = new InstrumentedTransport(this, base, provider);
      onCreated(this.instrumented);
    }
    override emit(event: string | symbol, ...values: unknown[]): boolean {
      return this.instrumented?.interceptMethodCall(event, values[0]) === true || super.emit(event, ...values);
    }
  };
}

function isMethodMessage(message: unknown): message is { requestId: string; body?: Buffer } {
  return (
    typeof message === "object" && message !== null && "requestId" in message && typeof message.requestId === "string"
  );
}

function parseTwinResponse(topic: string, payload: Buffer): TwinResponse | undefined {
  const status = /^\$iothub\/twin\/res\/(\d+)\//.exec(topic)?.[1];
  return status === undefined ? undefined : { status: Number(status), errorCode: errorCodeIn(payload) };
}

function errorCodeIn(payload: Buffer): number | undefined {
  try {
    const body: unknown = JSON.parse(payload.toString("utf8"));
    return isJsonObject(body) && typeof body["errorCode"] === "number" ? body["errorCode"] : undefined;
  } catch {
    return undefined; // No body, or not the hub's: the status alone counts.
  }
}
