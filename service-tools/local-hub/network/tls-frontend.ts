import { AsyncLocalStorage } from "node:async_hooks";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { SecureContextOptions, Server, TLSSocket } from "node:tls";
import { covers } from "../faults/fault-kind.ts";
import type { Endpoint, Scope } from "../faults/fault-kind.ts";
import { describeError } from "../lib/log.ts";
import type { Log } from "../lib/log.ts";
import type { Flaw, KeyedCertificate } from "../tls/certificates.ts";
import { listenDualStack } from "./dual-stack-listener.ts";
import type { DualStackListener } from "./dual-stack-listener.ts";
import { FaultySocket } from "./faulty-socket.ts";
import type { NetworkContext } from "./faulty-socket.ts";

export interface TlsFrontendOptions {
  /** 0 takes a free one. */
  readonly port: number;
  /** For the log and for errors: MQTT, HTTPS, images. */
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
  readonly network: NetworkContext;
  /** Does TLS and the protocol in it. It does not listen itself: it is given the connections. */
  readonly server: Server;
  /** The server's certificate when no fault changes it. */
  readonly certificate: KeyedCertificate;
  readonly log: Log;
}

/** A server that listens on this machine only. */
export interface ListeningServer {
  readonly port: number;
  /** Stops listening and cuts every connection. */
  close(): Promise<void>;
}

/**
 * The connection whose TLS handshake runs. A handshake ends in the asynchronous context in which it began, so the socket
 * under a TLS socket is known. One storage for all frontends, since each one slows down every promise of the process.
 */
const handshake = new AsyncLocalStorage<FaultySocket>();

/** Listens on a port, lets the network's faults act on each connection, and hands it to a TLS server. */
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

  /** Resolves when clients can connect. */
  async open(): Promise<void> {
    const { port, name } = this.#options;
    this.#listener = await listenDualStack(port, name, (socket) => this.#accept(socket));
    this.#registerFaults();
  }

  get port(): number {
    if (this.#listener === undefined) throw new Error("This server has no port: it is not open.");
    return this.#listener.port;
  }

  /** The connection under a TLS socket of this server. */
  socketUnder(tlsSocket: Duplex): FaultySocket | undefined {
    return this.#byTlsSocket.get(tlsSocket);
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    await this.#listener?.close();
    for (const socket of this.#sockets) socket.destroyBothSides();
  }

  #prepareServer(server: Server): void {
    // Before all other listeners: they ask for the socket.
    server.prependListener("secureConnection", (tlsSocket: TLSSocket) => {
      const socket = handshake.getStore();
      if (socket !== undefined) this.#byTlsSocket.set(tlsSocket, socket);
    });
    server.on("tlsClientError", (error) => {
      const { log, name } = this.#options;
      log({ level: "info", message: "TLS handshake failed", what: name, why: describeError(error) });
    });
  }

  #accept(tcpSocket: Socket): void {
    const { network, endpoints } = this.#options;
    if (network.faults.triggerOnce("accept-reset", { endpoints }) !== undefined) {
      tcpSocket.resetAndDestroy();
      return;
    }
    const socket = new FaultySocket(tcpSocket, endpoints, network);
    this.#sockets.add(socket);
    // Only when both ends are closed: a fault may hide from one that the other is.
    const forget = (): void => {
      if (tcpSocket.destroyed && socket.destroyed) this.#sockets.delete(socket);
    };
    tcpSocket.once("close", forget);
    socket.once("close", forget);
    const flaw = network.faults.triggerOnce("certificate", { endpoints })?.flaw;
    if (flaw === undefined) this.#beginTls(socket);
    else this.#beginTlsFlawed(socket, flaw).catch((error: unknown) => socket.destroy(asError(error)));
  }

  #beginTls(socket: FaultySocket): void {
    handshake.run(socket, () => this.#options.server.emit("connection", socket));
  }

  async #beginTlsFlawed(socket: FaultySocket, flaw: Flaw): Promise<void> {
    const { network, server, certificate } = this.#options;
    const flawed = await network.flawedCertificate(flaw);
    // Node reads the server's certificate when a handshake begins, before `emit` returns.
    server.setSecureContext(tlsContext(flawed));
    this.#beginTls(socket);
    server.setSecureContext(tlsContext(certificate));
  }

  #registerFaults(): void {
    const { faults } = this.#options.network;
    faults.onImmediate("reset", (_parameters, options, recordHit) => {
      for (const socket of this.#covered(options)) {
        recordHit();
        socket.reset();
      }
    });
    faults.onImmediate("close", (_parameters, options, recordHit) => {
      for (const socket of this.#covered(options)) {
        recordHit();
        socket.close();
      }
    });
    this.#unsubscribe = faults.onChange(async () => {
      for (const socket of this.#sockets) socket.applyFaultChanges();
      await this.#pauseOrResume();
    });
  }

  async #pauseOrResume(): Promise<void> {
    const { network, endpoints } = this.#options;
    const refuses = (): boolean => network.faults.activeFor("refuse", this, { endpoints }) !== undefined;
    if (!refuses()) await this.#listener?.resume();
    // Checked again: a fault may have been added while the port was opened.
    if (refuses()) this.#listener?.pause();
  }

  #covered(scope: Scope): FaultySocket[] {
    return [...this.#sockets].filter((socket) => covers(scope, socket.location));
  }
}

/** The TLS options of a server with this certificate. */
export function tlsContext({ certificate, privateKey }: KeyedCertificate): SecureContextOptions {
  return { cert: certificate, key: privateKey, minVersion: "TLSv1.2" };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
