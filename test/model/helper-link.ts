import { Duplex } from "node:stream";
import type { Scheduler } from "./scheduler.ts";

/** What one side of a link is called in labels. */
type Side = "agent" | "helper";

/**
 * A connection between the agent and root's helper, in memory. Each line and each chunk of bytes is a step: until then the other
 * side has not got it. That a side has ended is seen by the other at once.
 */
export class HelperLink {
  readonly agentEnd: LinkEnd;
  readonly helperEnd: LinkEnd;

  constructor(scheduler: Scheduler) {
    this.agentEnd = new LinkEnd("agent", scheduler, false);
    this.helperEnd = new LinkEnd("helper", scheduler, true);
    this.agentEnd.peer = this.helperEnd;
    this.helperEnd.peer = this.agentEnd;
  }

  /** The connection ends, and both sides go on. */
  cut(): void {
    this.agentEnd.hangUp();
    this.helperEnd.hangUp();
  }

  /** One side is no more: it sees nothing of its end. */
  silence(side: Side): void {
    const end = side === "agent" ? this.agentEnd : this.helperEnd;
    end.isSilent = true;
    end.hangUp();
  }

  /** Whether the agent could still say something to somebody. */
  get isOpen(): boolean {
    return !this.agentEnd.hasHungUp && !this.helperEnd.hasHungUp;
  }
}

class LinkEnd extends Duplex {
  peer: LinkEnd | undefined;
  /** Nothing comes from this end any more, and nothing is taken from the other. */
  hasHungUp = false;
  /** Nobody is at this end any more: it sees nothing. */
  isSilent = false;
  #hasEnded = false;
  readonly #side: Side;
  readonly #scheduler: Scheduler;

  constructor(side: Side, scheduler: Scheduler, allowHalfOpen: boolean) {
    super({ allowHalfOpen });
    this.#side = side;
    this.#scheduler = scheduler;
    this.on("error", () => undefined); // The other side has gone, as for a socket.
  }

  hangUp(): void {
    this.hasHungUp = true;
    this.peer?.endHere();
  }

  /** The other side says nothing more. */
  endHere(): void {
    if (this.#hasEnded || this.isSilent || this.destroyed) return;
    this.#hasEnded = true;
    this.push(null);
  }

  override _read(): void {
    // What arrives is pushed at its step.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const arrive = (): void => {
      if (this.hasHungUp || this.peer?.hasHungUp !== false || this.peer.destroyed)
        throw Object.assign(new Error("EPIPE: the other side has gone"), { code: "EPIPE" });
      this.peer.push(chunk);
    };
    void this.#carry(`${this.#side} says ${wordOf(chunk)}`, arrive, done);
  }

  async #carry(label: string, arrive: () => void, done: (error?: Error | null) => void): Promise<void> {
    try {
      await this.#scheduler.schedule(label, false, arrive);
    } catch (cause) {
      done(cause instanceof Error ? cause : new Error(String(cause)));
      return;
    }
    done();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.peer?.endHere();
    done();
  }

  override _destroy(cause: Error | null, done: (error?: Error | null) => void): void {
    this.hangUp();
    done(cause);
  }
}

/** What a line says, without what is only numbered; the length of raw bytes. */
function wordOf(chunk: Buffer): string {
  const text = chunk.toString("utf8");
  if (!text.startsWith("{") || !text.endsWith("\n")) return `${chunk.length} bytes`;
  const { id: _id, limitMs: _limitMs, image: _image, ...line } = JSON.parse(text) as Record<string, unknown>;
  if (typeof line["verb"] === "string") return line["verb"];
  const [key = "nothing"] = Object.keys(line);
  return key === "error" ? `error ${(line["error"] as { code: string }).code}` : key;
}
