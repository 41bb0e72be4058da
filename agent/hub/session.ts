import type { Runtime } from "../lib/runtime.ts";
import type { JsonObject } from "../contract/json.ts";
import { DesiredDocument } from "./desired-document.ts";
import type { HubCallbacks, Connection, DesiredPatch, SendTelemetry, TwinDocuments } from "./connection.ts";
import { throttleBackoffMs } from "./reconnect-policy.ts";
import { ConnectionError, isTransient, classifyError } from "./connection-error.ts";

/**
 * A connection is renewed when it is quiet, long before its token expires: the SDK would do it in the middle of a call.
 * The jitter keeps a fleet that was started together from renewing together.
 */
const renewal = { leastMs: 20 * 3_600_000, mostMs: 28 * 3_600_000, lookEveryMs: 2_000 } as const;

/**
 * A change of the desired properties is told once, without acknowledgement; the next one shows that it was missed. Where
 * none follows, the twin does, looked at a few times a day: it counts against the hub's quota.
 */
const twinPoll = { leastMs: 5 * 3_600_000, mostMs: 7 * 3_600_000 } as const;

/** What counts against the hub's daily quota, and how often a connection was made. Pings and method calls are free. */
export type QuotaUse = "connects" | "twinReads" | "reports" | "messages";

/** Counts, since the agent's start. */
export class QuotaCounter {
  readonly #counts: Record<QuotaUse, number> = { connects: 0, twinReads: 0, reports: 0, messages: 0 };

  count(what: QuotaUse): void {
    this.#counts[what] += 1;
  }

  get counts(): Readonly<Record<QuotaUse, number>> {
    return { ...this.#counts };
  }
}

export interface SessionPorts extends Runtime {
  readonly quota: QuotaCounter;
  readonly onMethod: HubCallbacks["onMethod"];
  readonly onMethodAnswered: HubCallbacks["onMethodAnswered"];
  /** The whole desired document, after each change of its content or after each connect. */
  readonly onDesired: (desired: JsonObject, version: number) => void;
  /** The reported properties as the hub holds them, how to patch them, and how to send messages; both reject with LinkTrouble. */
  readonly onConnected: (reported: JsonObject, send: (patch: JsonObject) => Promise<void>, emit: SendTelemetry) => void;
}

/**
 * One connection's service, from when it is open to its end: lets the hub's calls in, reads the twin, keeps both sections
 * in step. Methods come first: a caller may be waiting. Resolves with the reason of the end, or rejects with it.
 */
export async function runSession(
  connection: Connection,
  ports: SessionPorts,
  stopping: AbortSignal,
): Promise<ConnectionError> {
  const session = new Session(connection, ports);
  const lost = connection.lost.then((cause) => classifyError(cause, "connected"));
  const stopped = new Promise<ConnectionError>((resolve) => {
    const stop = (): void => resolve(new ConnectionError("own", "The agent stops."));
    if (stopping.aborted) stop();
    stopping.addEventListener("abort", stop, { signal: session.closed });
  });
  try {
    return await Promise.race([session.run(), lost, stopped]);
  } finally {
    session.close(); // Nothing of this connection may hang on to the agent's own signal, or to a timer.
  }
}

class Session {
  readonly #connection: Connection;
  readonly #ports: SessionPorts;
  readonly #closed = new AbortController();
  /** Calls and reports under way: a connection is not renewed in the middle of one. */
  #busyCalls = 0;

  constructor(connection: Connection, ports: SessionPorts) {
    this.#connection = connection;
    this.#ports = ports;
  }

  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  close(): void {
    this.#closed.abort();
  }

  /** Resolves when the session has to end for a reason of its own: a change was missed, a report not acknowledged, renewal. */
  async run(): Promise<ConnectionError> {
    const { onMethod: method, onMethodAnswered: answered, onDesired, onConnected: onUp, log } = this.#ports;
    const early: DesiredPatch[] = [];
    let take = (change: DesiredPatch): void => void early.push(change);
    await this.#connection.subscribe({
      onMethod: (name, payload) => this.#trackBusy(method(name, payload)),
      onMethodAnswered: answered,
      onDesiredPatch: (change) => take(change),
    });
    const twin = await this.#retryThrottled("twin", () => this.#readTwin());
    if (this.closed.aborted) return new ConnectionError("own", "The connection has ended.");
    const document = new DesiredDocument(twin.desired, twin.desiredVersion);
    log.info({ desiredVersion: document.version }, "connected to the hub");

    return await new Promise<ConnectionError>((end) => {
      take = (change) => {
        const taken = document.applyPatch(change);
        if (taken === "merged") onDesired(document.content, document.version);
        if (taken === "gap") end(new ConnectionError("missed", "A change of the desired properties was missed."));
      };
      onUp(
        twin.reported,
        (patch) => this.#trackBusy(this.#report(patch, end)),
        (message) => this.#trackBusy(this.#sendTelemetry(message)),
      );
      onDesired(document.content, document.version);
      for (const change of early) take(change);
      void this.#awaitTokenRenewal().then(end);
      void this.#detectMissedPatch(document).then(end);
    });
  }

  async #readTwin(): Promise<TwinDocuments> {
    this.#ports.quota.count("twinReads");
    return await this.#connection.readTwin();
  }

  async #sendTelemetry(message: Parameters<SendTelemetry>[0]): Promise<void> {
    this.#ports.quota.count("messages");
    try {
      await this.#connection.sendTelemetry(message);
    } catch (cause) {
      throw classifyError(cause, "message");
    }
  }

  async #report(patch: JsonObject, end: (trouble: ConnectionError) => void): Promise<void> {
    try {
      await this.#retryThrottled("report", async () => {
        this.#ports.quota.count("reports");
        await this.#connection.updateReported(patch);
      });
    } catch (cause) {
      const trouble = classifyError(cause, "report");
      // A connection that does not acknowledge is not one: the next one reads the twin anew.
      if (trouble.kind !== "rejected") end(trouble);
      throw trouble;
    }
  }

  /** Makes a call again over the same connection for as long as the hub says that it cannot now. */
  async #retryThrottled<T>(what: string, call: () => Promise<T>): Promise<T> {
    const { timer, random, log } = this.#ports;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await call();
      } catch (cause) {
        const trouble = classifyError(cause, what);
        if (!isTransient(trouble) || this.closed.aborted) throw trouble;
        const waitMs = throttleBackoffMs(trouble.kind, attempt, random());
        const level = attempt === 1 ? "warn" : "debug";
        log[level]({ reason: trouble.message, attempt, retryInMs: waitMs }, "the hub asks for patience");
        await timer.after(waitMs, this.closed);
      }
    }
  }

  /** Resolves when the hub turns out to hold a later document than we do; never after the session's end. */
  async #detectMissedPatch(document: DesiredDocument): Promise<ConnectionError> {
    const { timer, random } = this.#ports;
    try {
      for (;;) {
        await timer.after(twinPoll.leastMs + random() * (twinPoll.mostMs - twinPoll.leastMs), this.closed);
        const { desiredVersion } = await this.#retryThrottled("twin", () => this.#readTwin());
        if (desiredVersion > document.version) {
          return new ConnectionError("missed", "A change of the desired properties was never told.");
        }
      }
    } catch (cause) {
      // Either the session has ended, or the hub does not answer on a connection that looks alive.
      return this.closed.aborted ? await new Promise<never>(() => undefined) : classifyError(cause, "twin");
    }
  }

  /** Resolves when the token is to be renewed and nothing is under way; never after the session's end. */
  async #awaitTokenRenewal(): Promise<ConnectionError> {
    const { timer, random } = this.#ports;
    try {
      await timer.after(renewal.leastMs + random() * (renewal.mostMs - renewal.leastMs), this.closed);
      while (this.#busyCalls > 0) await timer.after(renewal.lookEveryMs, this.closed);
      return new ConnectionError("own", "The token is to be renewed.");
    } catch {
      return await new Promise<never>(() => undefined); // The session ended before that.
    }
  }

  async #trackBusy<T>(work: Promise<T>): Promise<T> {
    this.#busyCalls += 1;
    try {
      return await work;
    } finally {
      this.#busyCalls -= 1;
    }
  }
}
