import { AsyncLocalStorage } from "node:async_hooks";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { SecureContextOptions, Server, TLSSocket } from "node:tls";
import { covers } from "../faults/scope.ts";
import type { Endpoint } from "../faults/scope.ts";
import { describeError } from "../lib/log.ts";
import type { Log } from "../lib/log.ts";
import type { KeyedCertificate } from "../tls/certificates.ts";
import type { Flaw } from "../tls/flawed.ts";
import { FaultySocket } from "./faulty-socket.ts";
import type { NetworkContext } from "./faulty-socket.ts";
import { listenDualStack } from "./dual-stack-listener.ts";
import type { DualStackListener } from "./dual-stack-listener.ts";

export interface TlsFrontendOptions {
  /** 0 is a free one. */
  readonly port: number;
  /** For the log and for errors: MQTT, HTTPS, images. */
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
  readonly network: NetworkContext;
  /** Speaks TLS and what is in it. It does not listen itself: connections are handed to it. */
  readonly server: Server;
  /** What the server shows, faults aside. */
  readonly certificate: KeyedCertificate;
  readonly log: Log;
}

/** A server that listens on this machine alone. */
export interface ListeningServer {
  readonly port: number;
  /** Stops listening and cuts every connection. */
  close(): Promise<void>;
}

/**
 * A handshake ends in the asynchronous context that it began in: so it is known which conduit a TLS socket stands on. One for all
 * fronts: each that there ever was costs every promise of the process something.
 */
const handshake = new AsyncLocalStorage<FaultySocket>();

/** What listens on a port: takes connections through the door, does to them what the network's faults do, and hands them to TLS. */
export class TlsFrontend implements ListeningServer {
  readonly #options: TlsFrontendOptions;
  readonly #sockets = new Set<FaultySocket>();
  readonly #byTlsSocket = new WeakMap<Duplex, FaultySocket>();
  #unsubscribe: () => void = () => undefined;
  #listener: DualStackListener | undefined;

  constructor(options: TlsFrontendOptions) {
    this.#options = options;
    this.#prepareServer(options.server);
  }

  /** Resolves when clients can come. */
  async open(): Promise<void> {
    const { port, name: what } = this.#options;
    this.#listener = await listenDualStack(port, what, (socket) => this.#accept(socket));
    this.#registerFaults();
  }

  get port(): number {
    if (this.#listener === undefined) throw new Error("The front has not been opened.");
    return this.#listener.port;
  }

  /** The connection under a TLS socket that a server of this front answers on. */
  socketUnder(socket: Duplex): FaultySocket | undefined {
    return this.#byTlsSocket.get(socket);
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    await this.#listener?.close();
    for (const conduit of this.#sockets) conduit.destroyBothSides();
  }

  #prepareServer(server: Server): void {
    // Before all other listeners: they ask for the conduit.
    server.prependListener("secureConnection", (socket: TLSSocket) => {
      const conduit = handshake.getStore();
      if (conduit !== undefined) this.#byTlsSocket.set(socket, conduit);
    });
    server.on("tlsClientError", (error) => {
      const { log, name: what } = this.#options;
      log({ level: "info", message: "TLS handshake failed", what, why: describeError(error) });
    });
  }

  #accept(socket: Socket): void {
    const { network: ground, endpoints: surfaces } = this.#options;
    if (ground.faults.triggerOnce("accept-reset", { endpoints: surfaces }) !== undefined) {
      socket.resetAndDestroy();
      return;
    }
    const conduit = new FaultySocket(socket, surfaces, ground);
    this.#sockets.add(conduit);
    // A fault may have kept from the one end that the other has gone.
    const forget = (): void => {
      if (socket.destroyed && conduit.destroyed) this.#sockets.delete(conduit);
    };
    socket.once("close", forget);
    conduit.once("close", forget);
    const flaw = ground.faults.triggerOnce("certificate", { endpoints: surfaces })?.flaw;
    if (flaw === undefined) this.#beginTls(conduit);
    else this.#beginTlsFlawed(conduit, flaw).catch((error: unknown) => conduit.destroy(asError(error)));
  }

  #beginTls(conduit: FaultySocket): void {
    handshake.run(conduit, () => this.#options.server.emit("connection", conduit));
  }

  async #beginTlsFlawed(conduit: FaultySocket, flaw: Flaw): Promise<void> {
    const { network: ground, server, certificate } = this.#options;
    const flawed = await ground.flawedCertificate(flaw);
    // Node reads the server's certificate as it begins a handshake, before `emit` returns.
    server.setSecureContext(tlsContext(flawed));
    this.#beginTls(conduit);
    server.setSecureContext(tlsContext(certificate));
  }

  #registerFaults(): void {
    const { faults } = this.#options.network;
    faults.onImmediate("reset", (_parameters, options, strike) => {
      for (const conduit of this.#covered(options)) {
        strike();
        conduit.reset();
      }
    });
    faults.onImmediate("close", (_parameters, options, strike) => {
      for (const conduit of this.#covered(options)) {
        strike();
        conduit.close();
      }
    });
    this.#unsubscribe = faults.onChange(async () => {
      for (const conduit of this.#sockets) conduit.applyFaultChanges();
      await this.#pauseOrResume();
    });
  }

  async #pauseOrResume(): Promise<void> {
    const { network: ground, endpoints: surfaces } = this.#options;
    const refuses = (): boolean => ground.faults.activeFor("refuse", this, { endpoints: surfaces }) !== undefined;
    if (!refuses()) await this.#listener?.resume();
    // Now, or because one was added while the door opened.
    if (refuses()) this.#listener?.pause();
  }

  #covered(options: Parameters<typeof covers>[0]): FaultySocket[] {
    return [...this.#sockets].filter((conduit) => covers(options, conduit.location));
  }
}

/** How a server of ours does TLS with this certificate. */
export function tlsContext({ certificate, privateKey }: KeyedCertificate): SecureContextOptions {
  return { cert: certificate, key: privateKey, minVersion: "TLSv1.2" };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
