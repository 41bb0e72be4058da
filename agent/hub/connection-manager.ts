import { delayOrAbort } from "../lib/abort.ts";
import type { Connect, Connection } from "./connection.ts";
import { nextReconnect, initialHistory, diagnosisMessages, type ConnectionHistory } from "./reconnect-policy.ts";
import { runSession, type SessionPorts } from "./session.ts";
import { classifyError, type ConnectionError } from "./connection-error.ts";

export interface ConnectionManagerPorts extends SessionPorts {
  readonly connect: Connect;
  readonly onDisconnected: () => void;
}

/**
 * Keeps a connection to the hub for as long as the agent runs. Each connection is a new one: the SDK's own retries die,
 * hang and lie under faults that a board meets every month (docs/decisions/001). Never gives up.
 */
export class ConnectionManager {
  readonly #ports: ConnectionManagerPorts;
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;
  #isConnected = false;
  #history: ConnectionHistory = initialHistory;

  constructor(ports: ConnectionManagerPorts) {
    this.#ports = ports;
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** What stands in the way, for people; null while the link is up or nothing is known yet. */
  get diagnosis(): string | null {
    const { diagnosis } = this.#history;
    return this.#isConnected || diagnosis === null ? null : diagnosisMessages[diagnosis];
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
    const { timer, wallClock, random } = this.#ports;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const { trouble, upMs } = await this.#connectOnce(signal);
      if (signal.aborted) return;
      const before = this.#history;
      const ended = { kind: trouble.kind, upMs, clockTrusted: await wallClock.synchronized() };
      const { history, waitMs } = nextReconnect(before, ended, random());
      this.#history = history;
      this.#logEnd(before, trouble, waitMs);
      await delayOrAbort(timer, waitMs, signal);
    }
  }

  /** Says a change of what stands in the way loudly, once; each attempt quietly. */
  #logEnd(before: ConnectionHistory, trouble: ConnectionError, waitMs: number): void {
    const { log } = this.#ports;
    const { diagnosis, failures } = this.#history;
    if (diagnosis !== null && diagnosis !== before.diagnosis) {
      log.warn(
        { diagnosis, reason: messageWithCauses(trouble), advice: diagnosisMessages[diagnosis] },
        "not connected to the hub",
      );
    }
    log.debug(
      { diagnosis, kind: trouble.kind, reason: messageWithCauses(trouble), failures, retryInMs: waitMs },
      "link ended",
    );
  }

  /** One connection from its opening to its end. Resolves with the reason of the end. */
  async #connectOnce(signal: AbortSignal): Promise<{ trouble: ConnectionError; upMs: number | null }> {
    const { connect, bootClock, onDisconnected: onDown, quota: meter } = this.#ports;
    let connection: Connection | undefined;
    let upSinceMs: number | null = null;
    const ended = (thrown: unknown, during: string): { trouble: ConnectionError; upMs: number | null } => ({
      trouble: classifyError(thrown, during),
      upMs: upSinceMs === null ? null : bootClock.nowMs() - upSinceMs,
    });
    try {
      meter.count("connects");
      connection = await connect(signal);
      upSinceMs = bootClock.nowMs();
      return ended(await runSession(connection, this.#sessionPorts, signal), "connected");
    } catch (cause) {
      return ended(cause, upSinceMs === null ? "connect" : "start");
    } finally {
      const wasUp = this.#isConnected;
      this.#isConnected = false;
      if (wasUp) onDown();
      await connection?.close();
    }
  }

  get #sessionPorts(): SessionPorts {
    return {
      ...this.#ports,
      onConnected: (reported, send, emit) => {
        this.#isConnected = true;
        this.#ports.onConnected(reported, send, emit);
      },
    };
  }
}

/** The sentence behind an end, causes included: a stack of the SDK's tells nobody anything. */
function messageWithCauses(why: unknown): string {
  if (!(why instanceof Error)) return String(why);
  const deeper = why.cause === undefined ? "" : messageWithCauses(why.cause);
  return deeper === "" || why.message.includes(deeper) ? why.message : `${why.message} (${deeper})`;
}
