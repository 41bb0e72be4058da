import type { Clock } from "../lib/clock.ts";
import { unimpaired, nothingInFlight, transmit } from "./link-model.ts";
import type { LinkConditions } from "./link-model.ts";

/** How much may be on its way before the sender has to wait: more than a slow road holds, and little enough for memory. */
const ROOM_BYTES = 1024 * 1024;

interface Piece {
  readonly bytes: number;
  readonly arriveMs: number;
  readonly deliver: () => void;
}

/** One direction of a connection: what is sent arrives in its order, when the road lets it. */
export class DelayQueue {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #onRoom: () => void;
  readonly #pieces: Piece[] = [];
  #bytes = 0;
  #inFlight = nothingInFlight;
  #cancel: (() => void) | undefined;

  /** `arrived` is called after pieces have arrived that had to wait: there may be room again. */
  constructor(clock: Clock, random: () => number, arrived: () => void) {
    this.#clock = clock;
    this.#random = random;
    this.#onRoom = arrived;
  }

  /** False when the sender should wait. */
  get hasRoom(): boolean {
    return this.#bytes < ROOM_BYTES;
  }

  /** `arrive` is called when the piece is there: at once, if nothing holds it up. */
  send(bytes: number, road: LinkConditions, arrive: () => void): void {
    if (road === unimpaired && this.#pieces.length === 0) {
      arrive();
      return;
    }
    this.#inFlight = transmit(this.#inFlight, road, this.#clock.nowMs(), bytes, this.#random);
    this.#bytes += bytes;
    this.#pieces.push({ bytes, arriveMs: this.#inFlight.lastArrivalMs, deliver: arrive });
    this.#scheduleNext();
  }

  /** The road is clear again: what is on its way arrives now. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#inFlight = nothingInFlight;
    this.#deliverWhile(() => true);
  }

  #scheduleNext(): void {
    const first = this.#pieces[0];
    if (first === undefined || this.#cancel !== undefined) return;
    this.#cancel = this.#clock.after(first.arriveMs - this.#clock.nowMs(), () => {
      this.#cancel = undefined;
      const nowMs = this.#clock.nowMs();
      this.#deliverWhile(({ arriveMs }) => arriveMs <= nowMs);
      this.#scheduleNext();
    });
  }

  #deliverWhile(isDue: (piece: Piece) => boolean): void {
    for (let first = this.#pieces[0]; first !== undefined && isDue(first); first = this.#pieces[0]) {
      this.#pieces.shift();
      this.#bytes -= first.bytes;
      first.deliver();
    }
    this.#onRoom();
  }
}
