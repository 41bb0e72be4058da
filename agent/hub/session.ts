import type { Timer } from "../lib/clock.ts";
import type { JsonObject } from "../contract/json.ts";
import type { Log } from "../lib/log.ts";
import { DesiredDocument } from "./desired-document.ts";
import type { Callers, Connection, DesiredPatch, Emit, TwinDocuments } from "./connection.ts";
import type { Meter } from "./quota-counter.ts";
import { patienceMs } from "./reconnect-policy.ts";
import { LinkTrouble, passesOnThisConnection, troubleFrom } from "./connection-error.ts";

/**
 * A connection is renewed when it is quiet, long before its token expires: the SDK would do it in the middle of a call.
 * The jitter keeps a fleet that was started together from renewing together.
 */
const renewal = { leastMs: 20 * 3_600_000, mostMs: 28 * 3_600_000, lookEveryMs: 2_000 } as const;

/**
 * A change of the desired properties is told once, without acknowledgement; the next one shows that it was missed. Where
 * none follows, the twin does, looked at a few times a day: it counts against the hub's quota.
 */
const twinLook = { leastMs: 5 * 3_600_000, mostMs: 7 * 3_600_000 } as const;

export interface SessionPorts {
  readonly timer: Timer;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  readonly meter: Meter;
  readonly method: Callers["method"];
  readonly answered: Callers["answered"];
  /** The whole desired document, after each change of its content or after each connect. */
  readonly onDesired: (desired: JsonObject, version: number) => void;
  /** The reported properties as the hub holds them, how to patch them, and how to send messages; both reject with LinkTrouble. */
  readonly onUp: (reported: JsonObject, send: (patch: JsonObject) => Promise<void>, emit: Emit) => void;
}

/**
 * One connection's service, from when it is open to its end: lets the hub's calls in, reads the twin, keeps both sections
 * in step. Methods come first: a caller may be waiting. Resolves with the reason of the end, or rejects with it.
 */
export async function serve(connection: Connection, ports: SessionPorts, stopping: AbortSignal): Promise<LinkTrouble> {
  const session = new Session(connection, ports);
  const lost = connection.lost.then((cause) => troubleFrom(cause, "connected"));
  const stopped = new Promise<LinkTrouble>((resolve) => {
    const stop = (): void => resolve(new LinkTrouble("own", "The agent stops."));
    if (stopping.aborted) stop();
    stopping.addEventListener("abort", stop, { signal: session.over });
  });
  try {
    return await Promise.race([session.run(), lost, stopped]);
  } finally {
    session.end(); // Nothing of this connection may hang on to the agent's own signal, or to a timer.
  }
}

class Session {
  readonly #connection: Connection;
  readonly #ports: SessionPorts;
  readonly #over = new AbortController();
  /** Calls and reports under way: a connection is not renewed in the middle of one. */
  #underWay = 0;

  constructor(connection: Connection, ports: SessionPorts) {
    this.#connection = connection;
    this.#ports = ports;
  }

  get over(): AbortSignal {
    return this.#over.signal;
  }

  end(): void {
    this.#over.abort();
  }

  /** Resolves when the session has to end for a reason of its own: a change was missed, a report not acknowledged, renewal. */
  async run(): Promise<LinkTrouble> {
    const { method, answered, onDesired, onUp, log } = this.#ports;
    const early: DesiredPatch[] = [];
    let take = (change: DesiredPatch): void => void early.push(change);
    await this.#connection.listen({
      method: (name, payload) => this.#during(method(name, payload)),
      answered,
      desired: (change) => take(change),
    });
    const twin = await this.#patiently("twin", () => this.#readTwin());
    if (this.over.aborted) return new LinkTrouble("own", "The connection has ended.");
    const document = new DesiredDocument(twin.desired, twin.desiredVersion);
    log.info({ desiredVersion: document.version }, "connected to the hub");

    return await new Promise<LinkTrouble>((end) => {
      take = (change) => {
        const taken = document.take(change);
        if (taken === "merged") onDesired(document.content, document.version);
        if (taken === "gap") end(new LinkTrouble("missed", "A change of the desired properties was missed."));
      };
      onUp(
        twin.reported,
        (patch) => this.#during(this.#report(patch, end)),
        (message) => this.#during(this.#emit(message)),
      );
      onDesired(document.content, document.version);
      for (const change of early) take(change);
      void this.#whenDue().then(end);
      void this.#whenMissed(document).then(end);
    });
  }

  async #readTwin(): Promise<TwinDocuments> {
    this.#ports.meter.count("twinReads");
    return await this.#connection.twin();
  }

  async #emit(message: Parameters<Emit>[0]): Promise<void> {
    this.#ports.meter.count("messages");
    try {
      await this.#connection.emit(message);
    } catch (cause) {
      throw troubleFrom(cause, "message");
    }
  }

  async #report(patch: JsonObject, end: (trouble: LinkTrouble) => void): Promise<void> {
    try {
      await this.#patiently("report", async () => {
        this.#ports.meter.count("reports");
        await this.#connection.report(patch);
      });
    } catch (cause) {
      const trouble = troubleFrom(cause, "report");
      // A connection that does not acknowledge is not one: the next one reads the twin anew.
      if (trouble.kind !== "rejected") end(trouble);
      throw trouble;
    }
  }

  /** Makes a call again over the same connection for as long as the hub says that it cannot now. */
  async #patiently<T>(what: string, call: () => Promise<T>): Promise<T> {
    const { timer, random, log } = this.#ports;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await call();
      } catch (cause) {
        const trouble = troubleFrom(cause, what);
        if (!passesOnThisConnection(trouble) || this.over.aborted) throw trouble;
        const waitMs = patienceMs(trouble.kind, attempt, random());
        const level = attempt === 1 ? "warn" : "debug";
        log[level]({ reason: trouble.message, attempt, retryInMs: waitMs }, "the hub asks for patience");
        await timer.after(waitMs, this.over);
      }
    }
  }

  /** Resolves when the hub turns out to hold a later document than we do; never after the session's end. */
  async #whenMissed(document: DesiredDocument): Promise<LinkTrouble> {
    const { timer, random } = this.#ports;
    try {
      for (;;) {
        await timer.after(twinLook.leastMs + random() * (twinLook.mostMs - twinLook.leastMs), this.over);
        const { desiredVersion } = await this.#patiently("twin", () => this.#readTwin());
        if (desiredVersion > document.version) {
          return new LinkTrouble("missed", "A change of the desired properties was never told.");
        }
      }
    } catch (cause) {
      // Either the session has ended, or the hub does not answer on a connection that looks alive.
      return this.over.aborted ? await new Promise<never>(() => undefined) : troubleFrom(cause, "twin");
    }
  }

  /** Resolves when the token is to be renewed and nothing is under way; never after the session's end. */
  async #whenDue(): Promise<LinkTrouble> {
    const { timer, random } = this.#ports;
    try {
      await timer.after(renewal.leastMs + random() * (renewal.mostMs - renewal.leastMs), this.over);
      while (this.#underWay > 0) await timer.after(renewal.lookEveryMs, this.over);
      return new LinkTrouble("own", "The token is to be renewed.");
    } catch {
      return await new Promise<never>(() => undefined); // The session ended before that.
    }
  }

  async #during<T>(work: Promise<T>): Promise<T> {
    this.#underWay += 1;
    try {
      return await work;
    } finally {
      this.#underWay -= 1;
    }
  }
}
