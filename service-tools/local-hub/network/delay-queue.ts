import type { Clock } from "../lib/clock.ts";
import { nothingInFlight, transmit, unimpaired } from "./link-model.ts";
import type { LinkConditions } from "./link-model.ts";

/** How many bytes may be under way before the sender must wait: more than a slow link holds, and little memory. */
const CAPACITY_BYTES = 1024 * 1024;

interface Piece {
  readonly bytes: number;
  readonly arriveMs: number;
  readonly deliver: () => void;
}

/** One direction of a connection: delivers pieces in order, when the link's conditions let them arrive. */
export class DelayQueue {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #onRoom: () => void;
  readonly #pieces: Piece[] = [];
  #bytes = 0;
  #inFlight = nothingInFlight;
  #cancel: (() => void) | undefined;

  /** `onRoom` is called after delayed pieces have arrived: there may be room again. */
  constructor(clock: Clock, random: () => number, onRoom: () => void) {
    this.#clock = clock;
    this.#random = random;
    this.#onRoom = onRoom;
  }

  /** False when the sender should wait. */
  get hasRoom(): boolean {
    return this.#bytes < CAPACITY_BYTES;
  }

  /** Calls `deliver` when the piece arrives; at once when nothing delays it. */
  send(bytes: number, link: LinkConditions, deliver: () => void): void {
    if (link === unimpaired && this.#pieces.length === 0) {
      deliver();
      return;
    }
    this.#inFlight = transmit(this.#inFlight, link, this.#clock.nowMs(), bytes, this.#random);
    this.#bytes += bytes;
    this.#pieces.push({ bytes, arriveMs: this.#inFlight.lastArrivalMs, deliver });
    this.#scheduleNext();
  }

  /** The link is unimpaired again: delivers everything that is under way. */
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
