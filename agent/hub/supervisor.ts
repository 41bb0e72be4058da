import type { BootClock, Timer } from "../clock.ts";
import type { JsonObject } from "../contract/json.ts";
import type { Log } from "../log.ts";
import { DesiredDocument } from "./desired.ts";
import type { Callers, Connect, Connection, DesiredPatch } from "./link.ts";
import { backoff, backoffMs } from "./schedule.ts";

export interface SupervisorPorts {
  readonly connect: Connect;
  readonly timer: Timer;
  readonly bootClock: BootClock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  readonly method: Callers["method"];
  /** The whole desired document, after each change of its content or after each connect. */
  readonly onDesired: (desired: JsonObject, version: number) => void;
  readonly onUp: (reported: JsonObject, send: (patch: JsonObject) => Promise<void>) => void;
  readonly onDown: () => void;
}

/**
 * Keeps a connection to the hub for as long as the agent runs. Each connection is a new one: the SDK's own retries die,
 * hang and lie under faults that a board meets every month (see docs/decisions). Never gives up.
 */
export class Supervisor {
  readonly #ports: SupervisorPorts;
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;
  #up = false;

  constructor(ports: SupervisorPorts) {
    this.#ports = ports;
  }

  get isUp(): boolean {
    return this.#up;
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Closes the connection, sending what is under way, and opens no other. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { timer, bootClock, random, log } = this.#ports;
    const { signal } = this.#stopping;
    let failures = 0;
    while (!signal.aborted) {
      const sinceMs = bootClock.nowMs();
      const why = await this.#connectOnce(signal);
      if (signal.aborted) return;
      failures = bootClock.nowMs() - sinceMs >= backoff.steadyMs ? 1 : failures + 1;
      const waitMs = backoffMs(failures, random());
      log.warn({ reason: reasonOf(why), failures, retryInMs: waitMs }, "not connected to the hub");
      await timer.after(waitMs, signal).catch(() => undefined); // Only stopping ends the wait early.
    }
  }

  /** One connection from its opening to its end. Resolves with the reason of the end. */
  async #connectOnce(signal: AbortSignal): Promise<unknown> {
    let connection: Connection | undefined;
    try {
      connection = await this.#ports.connect(signal);
      return await this.#serve(connection, signal);
    } catch (cause) {
      return cause;
    } finally {
      if (this.#up) this.#ports.onDown();
      this.#up = false;
      await connection?.close();
    }
  }

  /** Lets the hub's calls in, reads the twin, then waits for the end. Methods come first: a caller may be waiting. */
  async #serve(connection: Connection, signal: AbortSignal): Promise<unknown> {
    const { method, onDesired, onUp, log } = this.#ports;
    const early: DesiredPatch[] = [];
    let take = (change: DesiredPatch): void => void early.push(change);
    await unlessAborted(connection.listen({ method, desired: (change) => take(change) }), signal);
    const twin = await unlessAborted(connection.twin(), signal);
    const document = new DesiredDocument(twin.desired, twin.desiredVersion);

    const over = new AbortController();
    const ended = new Promise<unknown>((end) => {
      take = (change) => {
        const taken = document.take(change);
        if (taken === "merged") onDesired(document.content, document.version);
        if (taken === "gap") end(new Error("A change of the desired properties was missed."));
      };
      void connection.lost.then(end);
      signal.addEventListener("abort", end, { signal: over.signal });
      this.#up = true;
      log.info({ desiredVersion: document.version }, "connected to the hub");
      onUp(twin.reported, async (patch) => {
        try {
          await connection.report(patch);
        } catch (cause) {
          end(cause); // A connection that does not acknowledge is not one: the next one reads the twin anew.
          throw cause;
        }
      });
      onDesired(document.content, document.version);
      for (const change of early) take(change);
    });
    try {
      return await ended;
    } finally {
      over.abort(); // Nothing of this connection may hang on to the agent's own signal.
    }
  }
}

/** The same promise, but rejected as soon as the signal aborts: a board that goes down waits for no hub. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const over = new AbortController();
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { signal: over.signal });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    over.abort();
  }
}

/** The sentence behind an end, causes included: a stack of the SDK's tells nobody anything. */
function reasonOf(why: unknown): string {
  if (!(why instanceof Error)) return String(why);
  return why.cause === undefined ? why.message : `${why.message} ${reasonOf(why.cause)}`;
}
