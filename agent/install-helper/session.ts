import type { GenericSchema, InferOutput } from "valibot";
import { check } from "../contract/check.ts";
import { isErrorCode } from "../contract/codes.ts";
import { truncateUtf8 } from "../contract/safe-text.ts";
import { withDeadline } from "../lib/abort.ts";
import { AgentError, toFailure } from "../lib/errors.ts";
import { ConnectionClosed, LineTooLong, type Connection } from "../helper-protocol/connection.ts";
import type { HelperPorts } from "./ports.ts";
import {
  helloSchema,
  lineSchema,
  parseJson,
  protocolVersion,
  toLine,
  type HelperError,
  type HelperRequest,
  type MetadataLine,
} from "../helper-protocol/protocol.ts";
import { findInstaller, InstallSteps, type Receive } from "./install-steps.ts";

/** How long the agent may say nothing between two requests. It begins another helper session when it needs one: a helper takes memory. */
const idleMs = 10_000;
/** How long it may take for a line or for bytes that it has announced. */
const stallMs = 60_000;
/** After the time limit of a verb, which its installer observes by itself. */
const graceMs = 15_000;

/** The agent has said something that has no meaning here. The helper session ends. */
class ProtocolError extends Error {}

/**
 * Serves one helper session, in protocol 2, to its end. Never rejects, and always comes to an end: a silent agent is disconnected. When the
 * agent disconnects, what runs is stopped first.
 * @param firstLine was read already
 */
export async function serveSession(connection: Connection, firstLine: string, ports: HelperPorts): Promise<void> {
  const session = new Session(connection, ports);
  try {
    await session.serve(firstLine);
  } catch (cause) {
    if (cause instanceof ConnectionClosed) return;
    const isMisuse = cause instanceof ProtocolError || cause instanceof LineTooLong;
    const error = isMisuse ? notUnderstood(cause.message) : toError(cause, ports);
    ports.log(4, `session ended: ${error.code}: ${error.message}`);
    connection.write(toLine({ error }));
  }
}

class Session {
  readonly #connection: Connection;
  readonly #ports: HelperPorts;

  constructor(connection: Connection, ports: HelperPorts) {
    this.#connection = connection;
    this.#ports = ports;
  }

  async serve(firstLine: string): Promise<void> {
    const { installer } = parse(helloSchema, firstLine);
    const { restart } = (await findInstaller(this.#ports, installer, idleMs)) ?? { restart: null };
    this.#connection.write(toLine({ hello: protocolVersion, restart }));
    for (;;) {
      const line = parse(lineSchema, await this.#nextLine());
      if ("metadata" in line) await this.#takeMetadata(line);
      else await this.#perform(line, installer);
    }
  }

  /** @throws ConnectionClosed when nothing comes */
  async #nextLine(): Promise<string> {
    const late = (): Error => new ConnectionClosed("nothing came");
    return await withDeadline(this.#connection.readLine(), { timer: this.#ports.timer, withinMs: idleMs, late });
  }

  /** The bytes are read to their end before any of them is looked at. */
  async #takeMetadata({ metadata }: MetadataLine): Promise<void> {
    const files = new Map<string, Uint8Array>();
    for (const { name, bytes } of metadata)
      files.set(name, await this.#within(stallMs, this.#connection.readExactly(bytes)));
    const { trust } = this.#ports;
    try {
      const summary = await this.#connection.whileListening(() => trust.refresh(files, this.#connection.gone));
      this.#connection.write(toLine({ trust: summary }));
    } catch (cause) {
      this.#connection.gone.throwIfAborted();
      this.#connection.write(toLine({ error: toError(cause, this.#ports) }));
    }
  }

  async #perform(request: HelperRequest, installer: string): Promise<void> {
    const { id, verb, limitMs } = request;
    const { timer, log } = this.#ports;
    const over = new AbortController();
    const signal = AbortSignal.any([this.#connection.gone, over.signal]);
    // Bytes that were announced and not read: what comes next could not be told from them.
    let isInStep = true;
    const receive: Receive = async (resumeAt, missing, write) => {
      isInStep = false;
      this.#connection.write(toLine({ id, resumeAt }));
      for (let left = missing; left > 0;) {
        const bytes = await this.#within(stallMs, this.#connection.readSome(left));
        left -= bytes.length;
        await write(bytes);
      }
      isInStep = true;
    };
    const late = (): AgentError =>
      new AgentError(
        "installer-timed-out",
        `The installer's ${verb} took longer than ${limitMs / 1_000} s and was stopped.`,
      );
    try {
      const steps = new InstallSteps(this.#ports, installer, await findInstaller(this.#ports, installer, limitMs));
      const step = await steps.admit(request, receive, signal);
      const work = async (): Promise<string | null | undefined> => {
        const limit = timer.after(limitMs + graceMs, over.signal).then(() => over.abort(late()));
        try {
          return await steps.run(step, signal);
        } finally {
          over.abort();
          await limit.catch(() => undefined); // Aborted in time, or it has aborted the rest.
        }
      };
      log(6, `${installer} ${verb} begins`);
      const version = await this.#connection.whileListening(work);
      log(6, `${installer} ${verb} done`);
      this.#connection.write(toLine({ id, done: version === undefined ? {} : { version } }));
    } catch (cause) {
      this.#connection.gone.throwIfAborted();
      const error = toError(cause, this.#ports);
      log(4, `${installer} ${verb} failed: ${error.code}: ${error.message}`);
      this.#connection.write(toLine({ id, error }));
      if (!isInStep) throw new ConnectionClosed("bytes were on their way");
    } finally {
      over.abort();
    }
  }

  async #within<T>(withinMs: number, reading: Promise<T>): Promise<T> {
    const late = (): Error => new ProtocolError(`nothing came for ${withinMs / 1_000} s`);
    return await withDeadline(reading, { timer: this.#ports.timer, withinMs, late });
  }
}

function parse<const Schema extends GenericSchema>(schema: Schema, line: string): InferOutput<Schema> {
  const found = check(schema, parseJson(line));
  if (found.ok) return found.value;
  throw new ProtocolError(truncateUtf8(found.problems[0], 300));
}

function notUnderstood(why: string): HelperError {
  const remedy = "Install the agent and its helper from the same package.";
  return { code: "installer-failed", message: `The install helper did not understand the agent: ${why}. ${remedy}` };
}

/** What went wrong, for the agent. A fault of the helper is told as one, and the journal has the details. */
function toError(cause: unknown, { log }: HelperPorts): HelperError {
  if (!(cause instanceof AgentError)) log(3, cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
  const { code, message } = toFailure(cause, "");
  return { code: isErrorCode(code) ? code : "internal", message: truncateUtf8(message, 2_000) };
}
