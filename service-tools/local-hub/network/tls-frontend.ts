import { AsyncLocalStorage } from "node:async_hooks";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { SecureContextOptions, Server, TLSSocket } from "node:tls";
import { covers } from "../faults/scope.ts";
import type { Surface } from "../faults/scope.ts";
import { reasonOf } from "../lib/log.ts";
import type { Log } from "../lib/log.ts";
import type { KeyedCertificate } from "../tls/certificates.ts";
import type { Flaw } from "../tls/flawed.ts";
import { Conduit } from "./faulty-socket.ts";
import type { NetworkGround } from "./faulty-socket.ts";
import { openDoor } from "./dual-stack-listener.ts";
import type { Door } from "./dual-stack-listener.ts";

export interface FrontOptions {
  /** 0 is a free one. */
  readonly port: number;
  /** For the log and for errors: MQTT, HTTPS, images. */
  readonly what: string;
  readonly surfaces: readonly Surface[];
  readonly ground: NetworkGround;
  /** Speaks TLS and what is in it. It does not listen itself: connections are handed to it. */
  readonly server: Server;
  /** What the server shows, faults aside. */
  readonly certificate: KeyedCertificate;
  readonly log: Log;
}

/** A server that listens on this machine alone. */
export interface Listening {
  readonly port: number;
  /** Stops listening and cuts every connection. */
  close(): Promise<void>;
}

/**
 * A handshake ends in the asynchronous context that it began in: so it is known which conduit a TLS socket stands on. One for all
 * fronts: each that there ever was costs every promise of the process something.
 */
const handshake = new AsyncLocalStorage<Conduit>();

/** What listens on a port: takes connections through the door, does to them what the network's faults do, and hands them to TLS. */
export class Front implements Listening {
  readonly #options: FrontOptions;
  readonly #conduits = new Set<Conduit>();
  readonly #bySocket = new WeakMap<Duplex, Conduit>();
  #stopListening: () => void = () => undefined;
  #door: Door | undefined;

  constructor(options: FrontOptions) {
    this.#options = options;
    this.#prepare(options.server);
  }

  /** Resolves when clients can come. */
  async open(): Promise<void> {
    const { port, what } = this.#options;
    this.#door = await openDoor(port, what, (socket) => this.#welcome(socket));
    this.#obeyFaults();
  }

  get port(): number {
    if (this.#door === undefined) throw new Error("The front has not been opened.");
    return this.#door.port;
  }

  /** The connection under a TLS socket that a server of this front answers on. */
  conduitOf(socket: Duplex): Conduit | undefined {
    return this.#bySocket.get(socket);
  }

  async close(): Promise<void> {
    this.#stopListening();
    await this.#door?.close();
    for (const conduit of this.#conduits) conduit.abandon();
  }

  #prepare(server: Server): void {
    // Before all other listeners: they ask for the conduit.
    server.prependListener("secureConnection", (socket: TLSSocket) => {
      const conduit = handshake.getStore();
      if (conduit !== undefined) this.#bySocket.set(socket, conduit);
    });
    server.on("tlsClientError", (error) => {
      const { log, what } = this.#options;
      log({ level: "info", message: "TLS handshake failed", what, why: reasonOf(error) });
    });
  }

  #welcome(socket: Socket): void {
    const { ground, surfaces } = this.#options;
    if (ground.faults.strike("accept-reset", { surfaces }) !== undefined) {
      socket.resetAndDestroy();
      return;
    }
    const conduit = new Conduit(socket, surfaces, ground);
    this.#conduits.add(conduit);
    // A fault may have kept from the one end that the other has gone.
    const forget = (): void => {
      if (socket.destroyed && conduit.destroyed) this.#conduits.delete(conduit);
    };
    socket.once("close", forget);
    conduit.once("close", forget);
    const flaw = ground.faults.strike("certificate", { surfaces })?.flaw;
    if (flaw === undefined) this.#beginTls(conduit);
    else this.#beginTlsFlawed(conduit, flaw).catch((error: unknown) => conduit.destroy(asError(error)));
  }

  #beginTls(conduit: Conduit): void {
    handshake.run(conduit, () => this.#options.server.emit("connection", conduit));
  }

  async #beginTlsFlawed(conduit: Conduit, flaw: Flaw): Promise<void> {
    const { ground, server, certificate } = this.#options;
    const flawed = await ground.flawedCertificate(flaw);
    // Node reads the server's certificate as it begins a handshake, before `emit` returns.
    server.setSecureContext(contextOf(flawed));
    this.#beginTls(conduit);
    server.setSecureContext(contextOf(certificate));
  }

  #obeyFaults(): void {
    const { faults } = this.#options.ground;
    faults.onNow("reset", (_parameters, options, strike) => {
      for (const conduit of this.#covered(options)) {
        strike();
        conduit.reset();
      }
    });
    faults.onNow("close", (_parameters, options, strike) => {
      for (const conduit of this.#covered(options)) {
        strike();
        conduit.close();
      }
    });
    this.#stopListening = faults.onChange(async () => {
      for (const conduit of this.#conduits) conduit.reconsider();
      await this.#turnDoor();
    });
  }

  async #turnDoor(): Promise<void> {
    const { ground, surfaces } = this.#options;
    const refuses = (): boolean => ground.faults.hold("refuse", this, { surfaces }) !== undefined;
    if (!refuses()) await this.#door?.reopen();
    // Now, or because one was added while the door opened.
    if (refuses()) this.#door?.shut();
  }

  #covered(options: Parameters<typeof covers>[0]): Conduit[] {
    return [...this.#conduits].filter((conduit) => covers(options, conduit.where));
  }
}

/** How a server of ours does TLS with this certificate. */
export function contextOf({ certificate, privateKey }: KeyedCertificate): SecureContextOptions {
  return { cert: certificate, key: privateKey, minVersion: "TLSv1.2" };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
