import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { Clock } from "../lib/clock.ts";
import type { Faults } from "../faults/faults.ts";
import type { Surface, Where } from "../faults/scope.ts";
import type { Target } from "../registry/ids.ts";
import type { KeyedCertificate } from "../tls/certificates.ts";
import type { Flaw } from "../tls/flawed.ts";
import { Conditions } from "./active-faults.ts";
import type { Direction } from "./active-faults.ts";
import { Lane } from "./delay-queue.ts";
import { clearRoad } from "./link-model.ts";

/** What the network between clients and the hub depends on. */
export interface NetworkGround {
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
export class Conduit extends Duplex {
  readonly #socket: Socket;
  readonly #faults: Faults;
  readonly #conditions: Conditions;
  readonly #lanes: Readonly<Record<Direction, Lane>>;
  /** What a black hole gives back when it is over, as the sender's retransmissions would. */
  readonly #late: (() => void)[] = [];
  /** Something was lost for good: TCP cannot go on from there. */
  #lossy = false;
  /** Nothing that is sent arrives any more. */
  #dead = false;
  #hubWants = false;
  #hubWaits: (() => void) | undefined;

  constructor(socket: Socket, surfaces: readonly Surface[], { faults, clock, random }: NetworkGround) {
    super();
    this.#socket = socket;
    this.#faults = faults;
    this.#conditions = new Conditions(faults, this, { surfaces });
    this.#lanes = {
      "to-hub": new Lane(clock, random, () => this.#flow()),
      "to-client": new Lane(clock, random, () => this.#flow()),
    };
    // TLS listens while it has hold of this; before that, and once it has let go, a connection that ends badly has ended, no more.
    this.on("error", () => undefined);
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#send("to-hub", chunk));
    socket.on("drain", () => this.#flow());
    socket.on("end", () => this.#endOfClient());
    socket.on("error", (error) => this.#carry("to-hub", 0, () => this.destroy(error)));
    socket.on("close", () => this.#carry("to-hub", 0, () => this.destroy()));
    this.#conditions.takeHold();
  }

  get where(): Where {
    return this.#conditions.where;
  }

  /** Where a port has several uses: what this connection turned out to be for. */
  isFor(surface: Surface): void {
    if (this.where.surfaces.length === 1) return;
    this.#conditions.where = { ...this.where, surfaces: [surface] };
    this.reconsider();
  }

  /** Whose connection it turned out to be. */
  belongsTo(target: Target): void {
    this.#conditions.where = { ...this.where, target };
    if (this.#faults.strike("accept-reset", this.where) === undefined) this.reconsider();
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
  abandon(): void {
    this.#socket.destroy();
    this.destroy();
  }

  /** A fault has begun or ended, or more is known of this connection. */
  reconsider(): void {
    this.#conditions.takeHold();
    const holes = [this.#conditions.blackHole("to-hub"), this.#conditions.blackHole("to-client")];
    if (holes.every((hole) => hole === undefined)) {
      this.#dead ||= this.#lossy;
      for (const carry of this.#late.splice(0)) carry();
    }
    for (const direction of ["to-hub", "to-client"] as const) {
      if (this.#conditions.road(direction) === clearRoad) this.#lanes[direction].hurry();
    }
    this.#flow();
  }

  override _read(): void {
    this.#hubWants = true;
    this.#flow();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#send("to-client", chunk);
    this.#hubWaits = done;
    this.#flow();
  }

  override _final(done: () => void): void {
    this.#carry("to-client", 0, () => void this.#socket.end());
    done();
  }

  /** The hub is done with it: what it sent still travels, and then the FIN. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#carry("to-client", 0, () => this.#socket.destroySoon());
    // Where that vanished, the client cannot know; but it may have gone itself.
    if (this.#socket.readableEnded) this.#socket.destroy();
    done(error);
  }

  #send(direction: Direction, chunk: Buffer): void {
    const cut = this.#conditions.cut(direction, chunk.length);
    const passing = cut === undefined ? chunk : chunk.subarray(0, cut.passing);
    const pieceBytes = Math.max(1, Math.floor(this.#conditions.road(direction).bytesPerS / PIECES_PER_S));
    for (let at = 0; at < passing.length; at += pieceBytes) {
      const piece = passing.subarray(at, at + pieceBytes);
      this.#carry(direction, piece.length, () => this.#arrive(direction, piece));
    }
    if (cut === undefined) return;
    this.#carry(direction, 0, () => this.#cut(cut.how));
    this.#dead = true;
  }

  #carry(direction: Direction, bytes: number, arrive: () => void): void {
    const hole = this.#dead ? "dead" : this.#conditions.blackHole(direction);
    if (hole === undefined) {
      this.#lanes[direction].send(bytes, this.#conditions.road(direction), arrive);
    } else if (hole === "late") {
      this.#late.push(() => this.#carry(direction, bytes, arrive));
    } else {
      this.#lossy = true;
    }
  }

  #arrive(direction: Direction, piece: Buffer): void {
    if (direction === "to-client") {
      if (this.#socket.writable) this.#socket.write(piece);
    } else if (!this.destroyed) {
      this.#hubWants = this.push(piece);
      this.#flow();
    }
  }

  #endOfClient(): void {
    this.#carry("to-hub", 0, () => {
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
  #flow(): void {
    const swallowed = this.#dead || this.#conditions.blackHole("to-hub") !== undefined;
    if (swallowed || (this.#hubWants && this.#lanes["to-hub"].hasRoom)) this.#socket.resume();
    else this.#socket.pause();
    if (!this.#lanes["to-client"].hasRoom || this.#socket.writableLength > BACKLOG_BYTES) return;
    const goOn = this.#hubWaits;
    this.#hubWaits = undefined;
    goOn?.();
  }
}
