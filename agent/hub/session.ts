import type { Runtime } from "../lib/runtime.ts";
import type { JsonObject } from "../contract/json.ts";
import type { HubCallbacks, HubWork, Connection, SendTelemetry, TwinDocuments } from "./connection.ts";
import type { QuotaCounter } from "./quota-counter.ts";
import { DesiredRefresh } from "./desired-refresh.ts";
import { throttleBackoffMs } from "./reconnect-policy.ts";
import { ConnectionError, isTransient, classifyError } from "./connection-error.ts";

/**
 * The token is renewed by a new connection, long before it expires and while no call is under way: the SDK would renew it in
 * the middle of a call. The jitter spreads the renewals of a fleet that was started together.
 */
const tokenRenewal = { leastMs: 20 * 3_600_000, mostMs: 28 * 3_600_000, pollMs: 2_000 } as const;

/**
 * The hub sends each change of the desired properties once, without acknowledgement, and says nothing when somebody else
 * writes reported ones. So the twin is read a few times a day. Not more often: it counts against the hub's quota.
 */
const twinPoll = { leastMs: 5 * 3_600_000, mostMs: 7 * 3_600_000 } as const;

/** What a session calls while a connection is up. */
export interface SessionHandlers {
  readonly onMethod: HubCallbacks["onMethod"];
  readonly onMethodAnswered: HubCallbacks["onMethodAnswered"];
  /** Gets the whole desired document after each connect and after each change of its version. */
  readonly onDesired: (desired: JsonObject, version: number) => void;
  /** Gets the reported properties each time that the twin is read again: somebody else may have written them. */
  readonly onReportedRead: (reported: JsonObject) => void;
  /** Gets the reported properties as the hub holds them, and the calls that patch them and send messages: they reject with ConnectionError. */
  readonly onConnected: (
    reported: JsonObject,
    updateReported: (patch: JsonObject) => Promise<void>,
    sendTelemetry: SendTelemetry,
  ) => void;
}

export interface SessionPorts extends Runtime, SessionHandlers {
  readonly quota: QuotaCounter;
  /** Called when the hub refuses a call that is tried again on the same connection. */
  readonly onRefused: (error: ConnectionError, retryInMs: number) => void;
}

/** How a session has ended, and what it was busy with then; null for nothing. */
export interface SessionEnd {
  readonly reason: ConnectionError;
  readonly during: HubWork | null;
}

/**
 * Uses one open connection until its end: subscribes to methods first (a caller may be waiting), reads the twin, then keeps
 * both twin sections in step. Resolves with its end. Never rejects.
 */
export async function runSession(
  connection: Connection,
  ports: SessionPorts,
  stopping: AbortSignal,
): Promise<SessionEnd> {
  const session = new Session(connection, ports);
  // What it is busy with is asked before the calls under way are rejected.
  const lost = connection.lost.then((cause) => ({
    reason: classifyError(cause, "connected"),
    during: session.work,
  }));
  const stopped = new Promise<SessionEnd>((resolve) => {
    const stop = (): void => resolve({ reason: new ConnectionError("own", "The agent stops."), during: null });
    if (stopping.aborted) stop();
    stopping.addEventListener("abort", stop, { signal: session.closed });
  });
  try {
    const ended = session.run().then((reason) => ({ reason, during: session.work }));
    return await Promise.race([ended, lost, stopped]);
  } catch (cause) {
    return { reason: classifyError(cause, "start"), during: session.work };
  } finally {
    session.close(); // No listener and no timer of this connection may stay behind.
  }
}

class Session {
  readonly #connection: Connection;
  readonly #ports: SessionPorts;
  readonly #closed = new AbortController();
  /** Method calls, reports and readings under way: the token is not renewed in the middle of one. */
  #busyCalls = 0;
  readonly #workUnderWay: Record<HubWork, number> = { twin: 0, report: 0, message: 0 };
  #startedReports = 0;
  readonly #desired: DesiredRefresh;

  constructor(connection: Connection, ports: SessionPorts) {
    this.#connection = connection;
    this.#ports = ports;
    this.#desired = new DesiredRefresh({
      timer: ports.timer,
      closed: this.#closed.signal,
      readTwin: async () => await this.#trackBusy(this.#reread()),
      onDesired: ports.onDesired,
    });
  }

  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  close(): void {
    this.#closed.abort();
  }

  /** What the hub is asked for at the moment. */
  get work(): HubWork | null {
    const works = ["message", "report", "twin"] as const;
    return works.find((work) => this.#workUnderWay[work] > 0) ?? null;
  }

  /** Resolves when the session has to end by itself: the twin cannot be read, a report is not acknowledged, or the token is due. */
  async run(): Promise<ConnectionError> {
    const { onMethod, onMethodAnswered, onConnected, log } = this.#ports;
    const callbacks: HubCallbacks = {
      onMethod: (name, payload) => this.#trackBusy(onMethod(name, payload)),
      onMethodAnswered,
      onDesiredChange: (version) => this.#desired.announced(version),
    };
    // Part of the twin's work: a hub that ends the connection here was asked for something, so it tells of no rival.
    await this.#during("twin", () => this.#connection.subscribe(callbacks));
    const twin = await this.#retryThrottled("twin", () => this.#readTwin());
    if (this.closed.aborted) return new ConnectionError("own", "The connection has ended.");
    log.info({ desiredVersion: twin.desiredVersion }, "connected to the hub");

    return await new Promise<ConnectionError>((end) => {
      onConnected(
        twin.reported,
        (patch) => this.#trackBusy(this.#report(patch, end)),
        (message) => this.#trackBusy(this.#sendTelemetry(message)),
      );
      this.#desired.read(twin);
      this.#desired.start(end);
      void this.#awaitTokenRenewal().then(end);
      void this.#pollTwin().then(end);
    });
  }

  /** Reads the twin again, and hands on what has changed in it. */
  async #reread(): Promise<void> {
    const startedReports = this.#startedReports;
    const wasReporting = this.#workUnderWay.report > 0;
    const twin = await this.#retryThrottled("twin", () => this.#readTwin());
    if (this.closed.aborted) return;
    // A report that crossed this reading may or may not be in it.
    if (!wasReporting && startedReports === this.#startedReports) this.#ports.onReportedRead(twin.reported);
    this.#desired.read(twin);
  }

  async #readTwin(): Promise<TwinDocuments> {
    this.#ports.quota.count("twinReads");
    return await this.#during("twin", () => this.#connection.readTwin());
  }

  async #sendTelemetry(message: Parameters<SendTelemetry>[0]): Promise<void> {
    this.#ports.quota.count("messages");
    try {
      await this.#during("message", () => this.#connection.sendTelemetry(message));
    } catch (cause) {
      throw classifyError(cause, "message");
    }
  }

  async #report(patch: JsonObject, end: (reason: ConnectionError) => void): Promise<void> {
    this.#startedReports += 1;
    try {
      await this.#retryThrottled("report", async () => {
        this.#ports.quota.count("reports");
        await this.#during("report", () => this.#connection.updateReported(patch));
      });
    } catch (cause) {
      const error = classifyError(cause, "report");
      // A connection without acknowledgements is useless; the next one reads the twin again.
      if (error.kind !== "rejected" && error.kind !== "twin-full") end(error);
      throw error;
    }
  }

  /** Notes what the connection is busy with until the call settles. */
  async #during<T>(work: HubWork, call: () => Promise<T>): Promise<T> {
    this.#workUnderWay[work] += 1;
    try {
      return await call();
    } finally {
      this.#workUnderWay[work] -= 1;
    }
  }

  /** Repeats a call on the same connection for as long as the hub throttles it. */
  async #retryThrottled<T>(during: string, call: () => Promise<T>): Promise<T> {
    const { timer, random, log, onRefused } = this.#ports;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await call();
      } catch (cause) {
        const error = classifyError(cause, during);
        if (!isTransient(error) || this.closed.aborted) throw error;
        const waitMs = throttleBackoffMs(error.kind, attempt, random());
        const level = attempt === 1 ? "warn" : "debug";
        log[level]({ reason: error.message, attempt, retryInMs: waitMs }, "the hub refuses for now, trying again");
        onRefused(error, waitMs);
        await timer.after(waitMs, this.closed);
      }
    }
  }

  /** Reads the twin a few times a day. Resolves when that fails; never after the session's end. */
  async #pollTwin(): Promise<ConnectionError> {
    const { timer, random } = this.#ports;
    try {
      for (;;) {
        await timer.after(twinPoll.leastMs + random() * (twinPoll.mostMs - twinPoll.leastMs), this.closed);
        await this.#reread();
      }
    } catch (cause) {
      // The session has ended, or the hub does not answer on a connection that looks alive.
      return this.closed.aborted ? await new Promise<never>(() => undefined) : classifyError(cause, "twin");
    }
  }

  /** Resolves when the token is due and no call is under way; never after the session's end. */
  async #awaitTokenRenewal(): Promise<ConnectionError> {
    const { timer, random } = this.#ports;
    try {
      await timer.after(tokenRenewal.leastMs + random() * (tokenRenewal.mostMs - tokenRenewal.leastMs), this.closed);
      while (this.#busyCalls > 0) await timer.after(tokenRenewal.pollMs, this.closed);
      return new ConnectionError("own", "The token is to be renewed.");
    } catch {
      return await new Promise<never>(() => undefined); // The session ended before that.
    }
  }

  /** Counts a call as under way until it settles. */
  async #trackBusy<T>(work: Promise<T>): Promise<T> {
    this.#busyCalls += 1;
    try {
      return await work;
    } finally {
      this.#busyCalls -= 1;
    }
  }
}
