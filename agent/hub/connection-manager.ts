import { describeOffset } from "./clock-offset.ts";
import { delayOrAbort } from "../lib/abort.ts";
import type { Connect, Connection } from "./connection.ts";
import {
  nextReconnect,
  diagnoseTransient,
  initialHistory,
  diagnosisMessages,
  type ConnectionHistory,
} from "./reconnect-policy.ts";
import type { Runtime } from "../lib/runtime.ts";
import type { QuotaCounter } from "./quota-counter.ts";
import type { LinkStatus } from "./link-status.ts";
import { runSession, type SessionEnd, type SessionHandlers, type SessionPorts } from "./session.ts";
import { classifyError, type ConnectionError, type ConnectionErrorKind } from "./connection-error.ts";

export interface ConnectionManagerPorts extends Runtime {
  readonly connect: Connect;
  /** The hub's own time, asked for without credentials: milliseconds since 1970, null where it does not say. Never rejects. */
  readonly hubTimeMs?: ((signal: AbortSignal) => Promise<number | null>) | undefined;
  readonly quota: QuotaCounter;
}

export interface ConnectionHandlers extends SessionHandlers {
  readonly onDisconnected: () => void;
}

/**
 * Keeps the agent connected to the hub for as long as it runs. Each connection is a new SDK client: the SDK's own retries
 * end, hang or report success under faults that a board meets every month (docs/decisions/001). Never gives up.
 */
export class ConnectionManager {
  readonly #ports: ConnectionManagerPorts;
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;
  #isConnected = false;
  #history: ConnectionHistory = initialHistory;
  /** When the connection came up or was lost (boot clock). */
  #sinceMs: number;
  #lastReason: string | null = null;
  #nextAttemptMs: number | null = null;
  /** When the boot clock began by the hub's time; null until a refusal, and where the hub does not say. */
  #hubBootMs: number | null = null;

  constructor(ports: ConnectionManagerPorts) {
    this.#ports = ports;
    this.#sinceMs = ports.bootClock.nowMs();
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Why the board is not connected, for people; null while it is connected or nothing is known yet. */
  get diagnosis(): string | null {
    const { diagnosis } = this.#history;
    return this.#isConnected || diagnosis === null ? null : diagnosisMessages[diagnosis];
  }

  get status(): LinkStatus {
    const { diagnosis, failures } = this.#history;
    const up = this.#isConnected;
    return {
      up,
      sinceMs: this.#sinceMs,
      diagnosis: up ? null : diagnosis,
      reason: up ? null : this.#lastReason,
      failures,
      nextAttemptMs: this.#nextAttemptMs,
    };
  }

  start(handlers: ConnectionHandlers): void {
    this.#loop = this.#run(handlers);
  }

  /** Sends what is under way, closes the connection and opens no other. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #run(handlers: ConnectionHandlers): Promise<void> {
    const { timer, wallClock, bootClock, random } = this.#ports;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const { reason, during, upMs } = await this.#connectOnce(handlers, signal);
      if (signal.aborted) return;
      const before = this.#history;
      const clockOffsetMs = await this.#clockOffset(reason, signal);
      const clockTrusted = await wallClock.synchronized();
      const ended = { kind: reason.kind, upMs, during, clockTrusted, clockOffsetMs };
      const { history, waitMs } = nextReconnect(before, ended, random());
      this.#history = history;
      const clock = clockOffsetMs === null ? "" : `; this board's clock ${describeOffset(clockOffsetMs)}`;
      this.#lastReason = `${messageWithCauses(reason)}${clock}`;
      this.#logEnd(before, reason.kind, waitMs);
      this.#nextAttemptMs = bootClock.nowMs() + waitMs;
      await delayOrAbort(timer, waitMs, signal);
      this.#nextAttemptMs = null;
    }
  }

  /**
   * How far this board's clock is from the hub's, where that may be the cause of the end. The hub is asked once; after that the
   * boot clock tells its time, which no step of the wall clock moves.
   */
  async #clockOffset({ kind }: ConnectionError, signal: AbortSignal): Promise<number | null> {
    if (kind !== "refused" && kind !== "certificate-time") return null;
    const { hubTimeMs, wallClock, bootClock } = this.#ports;
    if (this.#hubBootMs === null) {
      const nowMs = (await hubTimeMs?.(signal)) ?? null;
      this.#hubBootMs = nowMs === null ? null : nowMs - bootClock.nowMs();
    }
    return this.#hubBootMs === null ? null : wallClock.now().getTime() - bootClock.nowMs() - this.#hubBootMs;
  }

  /** Logs a new diagnosis once at warn, each attempt at debug. */
  #logEnd(before: ConnectionHistory, kind: ConnectionErrorKind, waitMs: number): void {
    const { log } = this.#ports;
    const { diagnosis, failures } = this.#history;
    const reason = this.#lastReason;
    if (diagnosis !== null && diagnosis !== before.diagnosis) {
      log.warn({ diagnosis, reason, advice: diagnosisMessages[diagnosis] }, "not connected to the hub");
    }
    log.debug({ diagnosis, kind, reason, failures, retryInMs: waitMs }, "connection ended");
  }

  /** Opens one connection and uses it until its end. Resolves with the reason of the end. */
  async #connectOnce(
    handlers: ConnectionHandlers,
    signal: AbortSignal,
  ): Promise<SessionEnd & { readonly upMs: number | null }> {
    const { connect, bootClock, quota } = this.#ports;
    let connection: Connection | undefined;
    try {
      quota.count("connects");
      connection = await connect(signal);
      const upSinceMs = bootClock.nowMs();
      const end = await runSession(connection, this.#sessionPorts(handlers), signal);
      return { ...end, upMs: bootClock.nowMs() - upSinceMs };
    } catch (cause) {
      return { reason: classifyError(cause, "connect"), during: null, upMs: null };
    } finally {
      const wasUp = this.#isConnected;
      this.#isConnected = false;
      if (wasUp) {
        this.#sinceMs = bootClock.nowMs();
        handlers.onDisconnected();
      }
      await connection?.close();
    }
  }

  #sessionPorts(handlers: ConnectionHandlers): SessionPorts {
    return {
      ...this.#ports,
      ...handlers,
      onRefused: ({ kind, message }, retryInMs) => {
        if (this.#isConnected) return; // The connection is in use: only a report waits.
        this.#history = { ...this.#history, diagnosis: diagnoseTransient(kind) };
        this.#lastReason = message;
        this.#nextAttemptMs = this.#ports.bootClock.nowMs() + retryInMs;
      },
      onConnected: (reported, updateReported, sendTelemetry) => {
        this.#isConnected = true;
        this.#nextAttemptMs = null;
        this.#hubBootMs = null;
        this.#sinceMs = this.#ports.bootClock.nowMs();
        handlers.onConnected(reported, updateReported, sendTelemetry);
      },
    };
  }
}

/** The messages of an error and its causes: a stack of the SDK helps nobody. */
function messageWithCauses(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const deeper = error.cause === undefined ? "" : messageWithCauses(error.cause);
  return deeper === "" || error.message.includes(deeper) ? error.message : `${error.message} (${deeper})`;
}
