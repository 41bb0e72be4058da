import { once } from "node:events";
import { connect } from "node:net";
import type { GenericSchema, InferOutput } from "valibot";
import { check } from "../../contract/check.ts";
import { withDeadline } from "../../lib/abort.ts";
import type { Timer } from "../../lib/clock.ts";
import { AgentError, errorMessage } from "../../lib/errors.ts";
import { Connection, ConnectionClosed, LineTooLong } from "../../helper-protocol/connection.ts";
import {
  openAnswerSchema,
  parseJson,
  parseRefusal,
  protocolVersion,
  toLine,
  verbAnswerSchema,
  type HelperRequest,
  type OpenAnswer,
  type TrustSummary,
  type VerbAnswer,
} from "../../helper-protocol/protocol.ts";
import type { RequestedImage } from "../../update/ports.ts";
import type { MetadataFile } from "../../update/trust-gate.ts";

export interface HelperSessionOptions {
  /** The helper's socket: /run/boardkeeper/install.sock. */
  readonly socket: string;
  /** Connects to that socket; rejects with an AgentError. As a client of node:net unless given. */
  readonly connect?: (socket: string) => Promise<Connection>;
  readonly timer: Timer;
  /** The version of this agent. */
  readonly agentVersion: string;
  /** The installer that the helper is to use; `none` where the agent installs by itself. */
  readonly installer: string;
}

export interface HelperCall {
  readonly verb: HelperRequest["verb"];
  /** For all verbs but `running-version`. */
  readonly image?: RequestedImage | undefined;
  /** The helper stops the verb after this time. */
  readonly limitMs: number;
}

/** How long the helper may take for an answer that needs no work: it lets a former helper session end first. */
const answerTimeoutMs = 75_000;
/** Beyond the time limit of a verb, at which the helper stops what it runs. */
const graceMs = 30_000;
/** The helper writes and digests its copy, on the slowest disk that is worth waiting for: 1 MiB per second. */
const bytesPerMs = 1_048.576;
const logAdvice = "Check journalctl -u 'boardkeeper-install@*' on the board.";

/**
 * One helper session, with root's install helper, in protocol 2 (agent/helper-protocol/protocol.ts). One call at a time. After a call that has
 * rejected with anything but an answer of the helper, the helper session is closed. Closing it stops whatever the helper runs.
 */
export class HelperSession {
  readonly #connection: Connection;
  readonly #timer: Timer;
  #nextId = 1;
  #isClosed = false;

  private constructor(connection: Connection, timer: Timer) {
    this.#connection = connection;
    this.#timer = timer;
  }

  /** @throws AgentError where the helper cannot be reached, or does not let root use the installer */
  static async open(options: HelperSessionOptions, signal?: AbortSignal): Promise<HelperSession> {
    const { socket, connect: open = connectTo, timer, agentVersion, installer } = options;
    const session = new HelperSession(await open(socket), timer);
    session.#connection.write(toLine({ hello: protocolVersion, agent: agentVersion, installer }));
    const answer = await session.#readOpenAnswer(signal);
    if ("hello" in answer) return session;
    throw session.#unexpected("began with an unknown answer");
  }

  /** Whether another call can be made. */
  get isOpen(): boolean {
    return !this.#isClosed && !this.#connection.gone.aborted;
  }

  /**
   * Has the helper verify metadata, and keep what is newer.
   * @returns what the board trusts now; null where it has no trust root
   */
  async sendMetadata(files: readonly MetadataFile[], signal?: AbortSignal): Promise<TrustSummary | null> {
    this.#connection.write(toLine({ metadata: files.map(({ name, bytes: { length } }) => ({ name, bytes: length })) }));
    for (const { bytes } of files) await this.#within(answerTimeoutMs, this.#connection.writeBytes(bytes), signal);
    const answer = await this.#readOpenAnswer(signal);
    if ("trust" in answer) return answer.trust;
    throw this.#unexpected("gave an unknown answer to metadata");
  }

  /** Runs a verb that needs no image's bytes; resolves with the version where it is `running-version`. */
  async call(call: HelperCall, signal?: AbortSignal): Promise<string | null> {
    const id = this.#request(call);
    const answer = await this.#readVerbAnswer(id, graceMs + call.limitMs, signal);
    if ("done" in answer) return answer.done.version ?? null;
    throw this.#unexpected("asked for an image that it does not need");
  }

  /**
   * Begins an installation.
   * @returns the offset of the first byte that the helper needs; then call `write` and `finish`
   */
  async beginInstall(image: RequestedImage, limitMs: number, signal: AbortSignal): Promise<Installation> {
    const id = this.#request({ verb: "install", image, limitMs });
    const copyMs = (3 * image.sizeBytes) / bytesPerMs;
    // `prepare` and `install` of the installer have the limit each.
    const installMs = answerTimeoutMs + graceMs + copyMs + 2 * limitMs;
    const answer = await this.#readVerbAnswer(id, installMs, signal);
    if ("done" in answer)
      return { resumeAt: image.sizeBytes, write: async () => undefined, finish: async () => undefined };
    return {
      resumeAt: answer.resumeAt,
      write: async (bytes) => {
        await this.#within(answerTimeoutMs, this.#connection.writeBytes(bytes), signal);
        if (this.#connection.hasUnread || !this.isOpen) await this.#finishInstall(id, answerTimeoutMs, signal);
      },
      finish: async () => await this.#finishInstall(id, installMs, signal),
    };
  }

  /** Stops whatever the helper runs. */
  close(): void {
    this.#isClosed = true;
    this.#connection.destroy();
  }

  async #finishInstall(id: number, withinMs: number, signal: AbortSignal): Promise<void> {
    const answer = await this.#readVerbAnswer(id, withinMs, signal);
    if (!("done" in answer)) throw this.#unexpected("asked for the image twice");
  }

  #request({ verb, image, limitMs }: HelperCall): number {
    const id = this.#nextId++;
    const named = image && {
      sha256: image.sha256,
      sizeBytes: image.sizeBytes,
      version: image.version,
      operationId: image.operationId,
    };
    const limit = Math.max(1, Math.ceil(limitMs));
    this.#connection.write(toLine({ id, verb, limitMs: limit, ...(named === undefined ? {} : { image: named }) }));
    return id;
  }

  async #readOpenAnswer(signal: AbortSignal | undefined): Promise<Exclude<OpenAnswer, { error: unknown }>> {
    const answer = await this.#readAnswer(openAnswerSchema, answerTimeoutMs, signal);
    if (!("error" in answer)) return answer;
    throw new AgentError(answer.error.code, answer.error.message);
  }

  async #readVerbAnswer(
    id: number,
    withinMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Exclude<VerbAnswer, { error: unknown }>> {
    const answer = await this.#readAnswer(verbAnswerSchema, withinMs, signal);
    if (answer.id !== id) throw this.#unexpected("answered another request");
    if (!("error" in answer)) return answer;
    throw new AgentError(answer.error.code, answer.error.message);
  }

  async #readAnswer<const Schema extends GenericSchema>(
    schema: Schema,
    withinMs: number,
    signal: AbortSignal | undefined,
  ): Promise<InferOutput<Schema>> {
    const line = await this.#within(withinMs, this.#connection.readLine(), signal);
    const refusal = parseRefusal(line);
    if (refusal !== undefined) {
      this.close();
      throw new AgentError(refusal.code, refusal.message);
    }
    const found = check(schema, parseJson(line));
    if (found.ok) return found.value;
    throw this.#unexpected(`sent an unknown answer (${line.slice(0, 200)})`);
  }

  /** Closes the helper session unless it settles in time. */
  async #within<T>(withinMs: number, work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const late = (): AgentError => helperFailed(`gave no answer within ${Math.ceil(withinMs / 1_000)} s. ${logAdvice}`);
    try {
      return await withDeadline(work, { timer: this.#timer, withinMs, late, signal });
    } catch (cause) {
      this.close();
      signal?.throwIfAborted();
      if (cause instanceof ConnectionClosed) throw helperFailed(`closed without an answer. ${logAdvice}`, cause);
      if (cause instanceof LineTooLong) throw this.#unexpected("sent a line that is too long");
      throw cause;
    }
  }

  #unexpected(what: string): AgentError {
    this.close();
    return helperFailed(`${what}. Install the agent and its helper from the same package.`);
  }
}

/** An installation whose bytes go to the helper. */
export interface Installation {
  readonly resumeAt: number;
  /** Resolves when the buffer may be used again. Rejects with what the helper has said, if it has ended the installation. */
  write(bytes: Uint8Array): Promise<void>;
  finish(): Promise<void>;
}

async function connectTo(path: string): Promise<Connection> {
  const socket = connect(path);
  try {
    await once(socket, "connect");
    socket.unref(); // An agent that stops does not wait for it; while it waits for an answer, the deadline keeps it.
    return new Connection(socket);
  } catch (cause) {
    socket.destroy();
    const why = errorMessage(cause);
    throw helperFailed(
      `cannot be reached (${why}). Run systemctl start boardkeeper-install.socket on the board, or install the units from systemd/`,
      cause,
    );
  }
}

function helperFailed(what: string, cause?: unknown): AgentError {
  return new AgentError("installer-failed", `The install helper ${what}`, { cause });
}
