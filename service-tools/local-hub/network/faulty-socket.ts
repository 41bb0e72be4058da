import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { Clock } from "../lib/clock.ts";
import type { Faults } from "../faults/faults.ts";
import type { Endpoint, Location } from "../faults/scope.ts";
import type { Target } from "../registry/ids.ts";
import type { KeyedCertificate } from "../tls/certificates.ts";
import type { Flaw } from "../tls/flawed.ts";
import { ActiveFaults } from "./active-faults.ts";
import type { Direction } from "./active-faults.ts";
import { DelayQueue } from "./delay-queue.ts";
import { unimpaired } from "./link-model.ts";

/** What the network between clients and the hub depends on. */
export interface NetworkContext {
  readonly faults: Faults;
  readonly clock: Clock;
  /** Answers from 0 up to, and never, 1. */
  readonly random: () => number;
  /** A certificate of this server that no client should trust. */
  readonly flawedCertificate: (flaw: Flaw) => Promise<KeyedCertificate>;
}

/** How much of what a client does not take may wait here before the hub has to. */
const BACKLOG_BYTES = 256 * 1024;
/** On a slow road bytes travel in pieces, so that they arrive little by little: so many in a second. */
const PIECES_PER_S = 10;

/**
 * One TCP connection as the hub sees it: all its bytes go through here, between the socket and TLS, so that the faults of a network can
 * be done to them. The client's side is a real socket: what it sees of RST and FIN is the system's own.
 */
export class FaultySocket extends Duplex {
  readonly #socket: Socket;
  readonly #faults: Faults;
  readonly #activeFaults: ActiveFaults;
  readonly #queues: Readonly<Record<Direction, DelayQueue>>;
  /** What a black hole gives back when it is over, as the sender's retransmissions would. */
  readonly #heldByBlackHole: (() => void)[] = [];
  /** Something was lost for good: TCP cannot go on from there. */
  #lostBytes = false;
  /** Nothing that is sent arrives any more. */
  #dead = false;
  #hubReads = false;
  #writeDone: (() => void) | undefined;

  constructor(socket: Socket, surfaces: readonly Endpoint[], { faults, clock, random }: NetworkContext) {
    super();
    this.#socket = socket;
    this.#faults = faults;
    this.#activeFaults = new ActiveFaults(faults, this, { endpoints: surfaces });
    this.#queues = {
      "to-hub": new DelayQueue(clock, random, () => this.#applyBackpressure()),
      "to-client": new DelayQueue(clock, random, () => this.#applyBackpressure()),
    };
    // TLS listens while it has hold of this; before that, and once it has let go, a connection that ends badly has ended, no more.
    this.on("error", () => undefined);
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#send("to-hub", chunk));
    socket.on("drain", () => this.#applyBackpressure());
    socket.on("end", () => this.#clientEnded());
    socket.on("error", (error) => this.#enqueue("to-hub", 0, () => this.destroy(error)));
    socket.on("close", () => this.#enqueue("to-hub", 0, () => this.destroy()));
    this.#activeFaults.attach();
  }

  get location(): Location {
    return this.#activeFaults.location;
  }

  /** Where a port has several uses: what this connection turned out to be for. */
  setEndpoint(surface: Endpoint): void {
    if (this.location.endpoints.length === 1) return;
    this.#activeFaults.location = { ...this.location, endpoints: [surface] };
    this.applyFaultChanges();
  }

  /** Whose connection it turned out to be. */
  setTarget(target: Target): void {
    this.#activeFaults.location = { ...this.location, target };
    if (this.#faults.triggerOnce("accept-reset", this.location) === undefined) this.applyFaultChanges();
    else this.reset();
  }

  /** RST to the client, and to the hub. */
  reset(): void {
    this.#socket.resetAndDestroy();
    this.destroy(new Error("the connection was reset"));
  }

  /** FIN to the client; to the hub the connection is gone. */
  close(): void {
    this.#socket.destroySoon();
    this.destroy();
  }

  /** Takes the connection from both, whatever fault has hold of it. */
  destroyBothSides(): void {
    this.#socket.destroy();
    this.destroy();
  }

  /** A fault has begun or ended, or more is known of this connection. */
  applyFaultChanges(): void {
    this.#activeFaults.attach();
    const holes = [this.#activeFaults.blackHole("to-hub"), this.#activeFaults.blackHole("to-client")];
    if (holes.every((hole) => hole === undefined)) {
      this.#dead ||= this.#lostBytes;
      for (const carry of this.#heldByBlackHole.splice(0)) carry();
    }
    for (const direction of ["to-hub", "to-client"] as const) {
      if (this.#activeFaults.linkConditions(direction) === unimpaired) this.#queues[direction].flush();
    }
    this.#applyBackpressure();
  }

  override _read(): void {
    this.#hubReads = true;
    this.#applyBackpressure();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#send("to-client", chunk);
    this.#writeDone = done;
    this.#applyBackpressure();
  }

  override _final(done: () => void): void {
    this.#enqueue("to-client", 0, () => void this.#socket.end());
    done();
  }

  /** The hub is done with it: what it sent still travels, and then the FIN. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#enqueue("to-client", 0, () => this.#socket.destroySoon());
    // Where that vanished, the client cannot know; but it may have gone itself.
    if (this.#socket.readableEnded) this.#socket.destroy();
    done(error);
  }

  #send(direction: Direction, chunk: Buffer): void {
    const cut = this.#activeFaults.cutAfter(direction, chunk.length);
    const passing = cut === undefined ? chunk : chunk.subarray(0, cut.passing);
    const pieceBytes = Math.max(1, Math.floor(this.#activeFaults.linkConditions(direction).bytesPerS / PIECES_PER_S));
    for (let at = 0; at < passing.length; at += pieceBytes) {
      const piece = passing.subarray(at, at + pieceBytes);
      this.#enqueue(direction, piece.length, () => this.#deliver(direction, piece));
    }
    if (cut === undefined) return;
    this.#enqueue(direction, 0, () => this.#cut(cut.how));
    this.#dead = true;
  }

  #enqueue(direction: Direction, bytes: number, arrive: () => void): void {
    const hole = this.#dead ? "dead" : this.#activeFaults.blackHole(direction);
    if (hole === undefined) {
      this.#queues[direction].send(bytes, this.#activeFaults.linkConditions(direction), arrive);
    } else if (hole === "late") {
      this.#heldByBlackHole.push(() => this.#enqueue(direction, bytes, arrive));
    } else {
      this.#lostBytes = true;
    }
  }

  #deliver(direction: Direction, piece: Buffer): void {
    if (direction === "to-client") {
      if (this.#socket.writable) this.#socket.write(piece);
    } else if (!this.destroyed) {
      this.#hubReads = this.push(piece);
      this.#applyBackpressure();
    }
  }

  #clientEnded(): void {
    this.#enqueue("to-hub", 0, () => {
      if (!this.destroyed) this.push(null);
    });
    if (this.destroyed) this.#socket.destroy();
  }

  /**
   * What has passed is to arrive first. A client on libuv (Node) that finds data and RST together takes it for FIN
   * (uv__stream_io, READ_PARTIAL), so it is given the time to read, as far as that can be known from here.
   */
  #cut(how: "reset" | "close"): void {
    if (how === "close") this.close();
    else setImmediate(() => setImmediate(() => this.reset()));
  }

  /** Holds back whoever sends faster than the other end takes. What vanishes is taken at once. */
  #applyBackpressure(): void {
    const swallowed = this.#dead || this.#activeFaults.blackHole("to-hub") !== undefined;
    if (swallowed || (this.#hubReads && this.#queues["to-hub"].hasRoom)) this.#socket.resume();
    else this.#socket.pause();
    if (!this.#queues["to-client"].hasRoom || this.#socket.writableLength > BACKLOG_BYTES) return;
    const goOn = this.#writeDone;
    this.#writeDone = undefined;
    goOn?.();
  }
}
