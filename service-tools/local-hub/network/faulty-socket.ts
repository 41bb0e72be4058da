import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { Endpoint, Location } from "../faults/fault-kind.ts";
import { Faults } from "../faults/faults.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Target } from "../lib/target.ts";
import type { Flaw, KeyedCertificate } from "../tls/certificates.ts";
import { ActiveFaults } from "./active-faults.ts";
import type { Direction } from "./active-faults.ts";
import { DelayQueue } from "./delay-queue.ts";
import { unimpaired } from "./link-model.ts";

/** What the connections between clients and the hub depend on. */
export interface NetworkContext {
  readonly faults: Faults;
  readonly clock: Clock;
  /** Returns a number from 0 up to, but not including, 1. */
  readonly random: () => number;
  /** A certificate of this server that no client should trust. */
  readonly flawedCertificate: (flaw: Flaw) => Promise<KeyedCertificate>;
}

/** A network without faults: no one else holds its `Faults`, so none can be added. */
export function networkWithoutFaults(clock: Clock, log: Log): NetworkContext {
  return {
    faults: new Faults(clock, log, []),
    clock,
    random: () => 0,
    flawedCertificate: async () => Promise.reject(new Error("A network without faults has no flawed certificates.")),
  };
}

/** How many bytes may wait for a slow client before the hub must wait. */
const BACKLOG_BYTES = 256 * 1024;
/** With limited bandwidth, bytes are sent in so many pieces per second, so that they arrive little by little. */
const PIECES_PER_S = 10;

/**
 * One TCP connection as the hub sees it. All its bytes pass through here, between the socket and TLS, so that network
 * faults can act on them. The client's side is a real socket: its RST and FIN are the kernel's.
 */
export class FaultySocket extends Duplex {
  readonly #socket: Socket;
  readonly #faults: Faults;
  readonly #activeFaults: ActiveFaults;
  readonly #queues: Readonly<Record<Direction, DelayQueue>>;
  /** What a black hole gives back when it ends, as the sender's retransmissions would. */
  readonly #heldByBlackHole: (() => void)[] = [];
  /** Bytes were lost for good: TCP cannot continue. */
  #lostBytes = false;
  /** Nothing that is sent arrives any more. */
  #dead = false;
  #hubReads = false;
  #writeDone: (() => void) | undefined;

  constructor(socket: Socket, endpoints: readonly Endpoint[], { faults, clock, random }: NetworkContext) {
    super();
    this.#socket = socket;
    this.#faults = faults;
    this.#activeFaults = new ActiveFaults(faults, this, { endpoints });
    this.#queues = {
      "to-hub": new DelayQueue(clock, random, () => this.#applyBackpressure()),
      "to-client": new DelayQueue(clock, random, () => this.#applyBackpressure()),
    };
    // TLS handles errors while it uses this stream. Before and after that, an error only ends the connection.
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

  /** For a port with several endpoints: sets the one that this connection turned out to use. */
  setEndpoint(endpoint: Endpoint): void {
    if (this.location.endpoints.length === 1) return;
    this.#activeFaults.location = { ...this.location, endpoints: [endpoint] };
    this.applyFaultChanges();
  }

  /** Sets the device or module whose connection this turned out to be. */
  setTarget(target: Target): void {
    this.#activeFaults.location = { ...this.location, target };
    if (this.#faults.triggerOnce("accept-reset", this.location) === undefined) this.applyFaultChanges();
    else this.reset();
  }

  /** Resets both sides: RST to the client, an error to the hub. */
  reset(): void {
    this.#socket.resetAndDestroy();
    this.destroy(new Error("the connection was reset"));
  }

  /** Closes both sides: FIN to the client. */
  close(): void {
    this.#socket.destroySoon();
    this.destroy();
  }

  /** Destroys both sides at once, whatever fault acts on the connection. */
  destroyBothSides(): void {
    this.#socket.destroy();
    this.destroy();
  }

  /** Call when a fault has begun or ended, or when the connection's location has changed. */
  applyFaultChanges(): void {
    this.#activeFaults.attach();
    const holes = [this.#activeFaults.blackHole("to-hub"), this.#activeFaults.blackHole("to-client")];
    if (holes.every((hole) => hole === undefined)) {
      this.#dead ||= this.#lostBytes;
      for (const enqueue of this.#heldByBlackHole.splice(0)) enqueue();
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

  /** The hub has closed its side: what it sent is still delivered, then the FIN. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#enqueue("to-client", 0, () => this.#socket.destroySoon());
    // Where a fault swallows the FIN, the client cannot know; but it may have ended itself.
    if (this.#socket.readableEnded) this.#socket.destroy();
    done(error);
  }

  #send(direction: Direction, chunk: Buffer): void {
    const cut = this.#activeFaults.cutAfter(direction, chunk.length);
    const passing = cut === undefined ? chunk : chunk.subarray(0, cut.passing);
    const { bytesPerS } = this.#activeFaults.linkConditions(direction);
    const pieceBytes = Math.max(1, Math.floor(bytesPerS / PIECES_PER_S));
    for (let at = 0; at < passing.length; at += pieceBytes) {
      const piece = passing.subarray(at, at + pieceBytes);
      this.#enqueue(direction, piece.length, () => this.#deliver(direction, piece));
    }
    if (cut === undefined) return;
    this.#enqueue(direction, 0, () => this.#cut(cut.how));
    this.#dead = true;
  }

  #enqueue(direction: Direction, bytes: number, deliver: () => void): void {
    const hole = this.#dead ? "dead" : this.#activeFaults.blackHole(direction);
    if (hole === undefined) {
      this.#queues[direction].send(bytes, this.#activeFaults.linkConditions(direction), deliver);
    } else if (hole === "late") {
      this.#heldByBlackHole.push(() => this.#enqueue(direction, bytes, deliver));
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
   * Bytes that have passed must arrive before the cut. A client on libuv (Node) that finds data and RST together takes it
   * for FIN (uv__stream_io, READ_PARTIAL), so a reset leaves it two turns of the event loop to read.
   */
  #cut(how: "reset" | "close"): void {
    if (how === "close") this.close();
    else setImmediate(() => setImmediate(() => this.reset()));
  }

  /** Makes a sender wait that is faster than its receiver. Bytes that are lost are accepted at once. */
  #applyBackpressure(): void {
    const swallowed = this.#dead || this.#activeFaults.blackHole("to-hub") !== undefined;
    if (swallowed || (this.#hubReads && this.#queues["to-hub"].hasRoom)) this.#socket.resume();
    else this.#socket.pause();
    if (!this.#queues["to-client"].hasRoom || this.#socket.writableLength > BACKLOG_BYTES) return;
    const done = this.#writeDone;
    this.#writeDone = undefined;
    done?.();
  }
}
