import type { Runtime } from "../lib/runtime.ts";
import type { JsonObject } from "../contract/json.ts";
import { DesiredDocument } from "./desired-document.ts";
import type { HubCallbacks, Connection, DesiredPatch, SendTelemetry, TwinDocuments } from "./connection.ts";
import { throttleBackoffMs } from "./reconnect-policy.ts";
import { ConnectionError, isTransient, classifyError } from "./connection-error.ts";

/**
 * The token is renewed by a new connection, long before it expires and while no call is under way: the SDK would renew it in
 * the middle of a call. The jitter spreads the renewals of a fleet that was started together.
 */
const tokenRenewal = { leastMs: 20 * 3_600_000, mostMs: 28 * 3_600_000, pollMs: 2_000 } as const;

/**
 * The hub sends each change of the desired properties once, without acknowledgement; the next change shows that one was
 * missed. In case none follows, the twin is read a few times a day. Not more often: it counts against the hub's quota.
 */
const twinPoll = { leastMs: 5 * 3_600_000, mostMs: 7 * 3_600_000 } as const;

/** Counts messages against the hub's daily quota, and connects. Pings and method calls are free. */
export type QuotaUse = "connects" | "twinReads" | "reports" | "messages";

/** Counts since the agent's start. */
export class QuotaCounter {
  readonly #counts: Record<QuotaUse, number> = { connects: 0, twinReads: 0, reports: 0, messages: 0 };

  count(use: QuotaUse): void {
    this.#counts[use] += 1;
  }

  get counts(): Readonly<Record<QuotaUse, number>> {
    return { ...this.#counts };
  }
}

/** What a session calls while a connection is up. */
export interface SessionHandlers {
  readonly onMethod: HubCallbacks["onMethod"];
  readonly onMethodAnswered: HubCallbacks["onMethodAnswered"];
  /** Gets the whole desired document after each connect and after each change of its content. */
  readonly onDesired: (desired: JsonObject, version: number) => void;
  /** Gets the reported properties as the hub holds them, and the calls that patch them and send messages: they reject with ConnectionError. */
  readonly onConnected: (
    reported: JsonObject,
    updateReported: (patch: JsonObject) => Promise<void>,
    sendTelemetry: SendTelemetry,
  ) => void;
}

export interface SessionPorts extends Runtime, SessionHandlers {
  readonly quota: QuotaCounter;
}

/**
 * Uses one open connection until its end: subscribes to methods first (a caller may be waiting), reads the twin, then keeps
 * both twin sections in step. Resolves with the reason of the end, or rejects with it.
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
    session.close(); // No listener and no timer of this connection may stay behind.
  }
}

class Session {
  readonly #connection: Connection;
  readonly #ports: SessionPorts;
  readonly #closed = new AbortController();
  /** Method calls and reports under way: the token is not renewed in the middle of one. */
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

  /** Resolves when the session has to end by itself: a patch was missed, a report not acknowledged, or the token is due. */
  async run(): Promise<ConnectionError> {
    const { onMethod, onMethodAnswered, onDesired, onConnected, log } = this.#ports;
    const early: DesiredPatch[] = []; // They arrived before the twin was read.
    let applyPatch = (patch: DesiredPatch): void => void early.push(patch);
    await this.#connection.subscribe({
      onMethod: (name, payload) => this.#trackBusy(onMethod(name, payload)),
      onMethodAnswered,
      onDesiredPatch: (patch) => applyPatch(patch),
    });
    const twin = await this.#retryThrottled("twin", () => this.#readTwin());
    if (this.closed.aborted) return new ConnectionError("own", "The connection has ended.");
    const document = new DesiredDocument(twin.desired, twin.desiredVersion);
    log.info({ desiredVersion: document.version }, "connected to the hub");

    return await new Promise<ConnectionError>((end) => {
      applyPatch = (patch) => {
        const result = document.applyPatch(patch);
        if (result === "applied") onDesired(document.content, document.version);
        if (result === "gap") end(new ConnectionError("missed", "A change of the desired properties was missed."));
      };
      onConnected(
        twin.reported,
        (patch) => this.#trackBusy(this.#report(patch, end)),
        (message) => this.#trackBusy(this.#sendTelemetry(message)),
      );
      onDesired(document.content, document.version);
      for (const patch of early) applyPatch(patch);
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

  async #report(patch: JsonObject, end: (reason: ConnectionError) => void): Promise<void> {
    try {
      await this.#retryThrottled("report", async () => {
        this.#ports.quota.count("reports");
        await this.#connection.updateReported(patch);
      });
    } catch (cause) {
      const error = classifyError(cause, "report");
      // A connection without acknowledgements is useless; the next one reads the twin again.
      if (error.kind !== "rejected") end(error);
      throw error;
    }
  }

  /** Repeats a call on the same connection for as long as the hub throttles it. */
  async #retryThrottled<T>(during: string, call: () => Promise<T>): Promise<T> {
    const { timer, random, log } = this.#ports;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await call();
      } catch (cause) {
        const error = classifyError(cause, during);
        if (!isTransient(error) || this.closed.aborted) throw error;
        const waitMs = throttleBackoffMs(error.kind, attempt, random());
        const level = attempt === 1 ? "warn" : "debug";
        log[level]({ reason: error.message, attempt, retryInMs: waitMs }, "the hub throttles, trying again");
        await timer.after(waitMs, this.closed);
      }
    }
  }

  /** Resolves when the hub holds a later desired document than we do; never after the session's end. */
  async #detectMissedPatch(document: DesiredDocument): Promise<ConnectionError> {
    const { timer, random } = this.#ports;
    try {
      for (;;) {
        await timer.after(twinPoll.leastMs + random() * (twinPoll.mostMs - twinPoll.leastMs), this.closed);
        const { desiredVersion } = await this.#retryThrottled("twin", () => this.#readTwin());
        if (desiredVersion > document.version) {
          return new ConnectionError("missed", "A change of the desired properties was never sent.");
        }
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
