import { check } from "../contract/check.ts";
import { onOneLine, truncateUtf8 } from "../contract/safe-text.ts";
import { withDeadline } from "../lib/abort.ts";
import { AgentError, toFailure } from "../lib/errors.ts";
import { ConnectionClosed, LineTooLong, type Connection } from "../helper-protocol/connection.ts";
import { findInstaller, InstallSteps, type AdmittedStep, type Receive } from "./install-steps.ts";
import type { HelperPorts } from "./ports.ts";
import { requestSchema, type HelperRequest } from "../helper-protocol/protocol.ts";

/*
 * The protocol of earlier releases, for an agent that still runs while the package is upgraded. One connection is one call of the
 * owner's program:
 *
 *   agent   KEY=VALUE lines, and an empty one
 *   helper  "send" if it needs the image; the agent sends the bytes
 *   helper  "ready"; the agent sends "run", so that nothing is run for an agent that has disconnected meanwhile
 *   helper  "ended HOW OUT ERR", then OUT bytes of the program's standard output and ERR of its standard error
 *   helper  "refused CODE SENTENCE", instead of any of these
 *
 * Such an agent sends no metadata. On a board with a trust root its image must be a target of the metadata that root has already.
 */

const stallMs = 60_000;
/** More lines than any request has. */
const mostLines = 16;
/** The codes that such an agent knows. */
const knownCodes: ReadonlySet<string> = new Set([
  "installer-not-allowed",
  "installer-failed",
  "image-changed",
  "no-space",
  "disk-error",
]);

interface Call {
  readonly request: HelperRequest;
  readonly signal: AbortSignal;
}

/** Serves one call of the former protocol. Never rejects, and always comes to an end. @param firstLine was read already */
export async function serveFormerSession(connection: Connection, firstLine: string, ports: HelperPorts): Promise<void> {
  try {
    await new FormerSession(connection, ports).serve(firstLine);
  } catch (cause) {
    if (cause instanceof ConnectionClosed) return;
    connection.write(refusal(cause, ports));
  }
}

class FormerSession {
  readonly #connection: Connection;
  readonly #ports: HelperPorts;

  constructor(connection: Connection, ports: HelperPorts) {
    this.#connection = connection;
    this.#ports = ports;
  }

  async serve(firstLine: string): Promise<void> {
    const request = await this.#readRequest(firstLine);
    const signal = this.#connection.gone;
    const installer = await findInstaller(this.#ports, "command", request.limitMs);
    const steps = new InstallSteps(this.#ports, "command", installer);
    const step = await steps.admit(withImage(request), this.#receive, signal);
    this.#connection.write("ready\n");
    if ((await this.#readLine()) !== "run") throw notUnderstood("The request was not followed by the line run.");
    this.#ports.log(6, `command ${request.verb} begins, for an agent of an earlier release`);
    const take = async (): Promise<string | null | undefined> => {
      if (request.verb !== "prepare" || step.verb !== "install") return await steps.run(step, signal);
      await installer?.prepare(step.image, signal);
      return undefined;
    };
    this.#connection.write(await this.#connection.whileListening(() => this.#outcome(take, { request, signal }, step)));
  }

  async #outcome(
    take: () => Promise<string | null | undefined>,
    { request, signal }: Call,
    step: AdmittedStep,
  ): Promise<string> {
    try {
      const version = await take();
      const output = step.verb === "running-version" ? `${version ?? ""}\n` : "";
      return `ended 0 ${Buffer.byteLength(output)} 0\n${output}`;
    } catch (cause) {
      signal.throwIfAborted();
      if (!(cause instanceof AgentError) || cause.code !== "installer-timed-out") throw cause;
      this.#ports.log(4, `command ${request.verb} failed: ${cause.message}`);
      return `ended late 0 ${Buffer.byteLength(cause.message)}\n${cause.message}`;
    }
  }

  readonly #receive: Receive = async (resumeAt, missingBytes, write) => {
    // It sends the whole image, whatever is there already.
    this.#connection.write("send\n");
    for (let skipped = 0; skipped < resumeAt;) skipped += (await this.#readSome(resumeAt - skipped)).length;
    for (let left = missingBytes; left > 0;) {
      const bytes = await this.#readSome(left);
      left -= bytes.length;
      await write(bytes);
    }
  };

  async #readRequest(firstLine: string): Promise<HelperRequest> {
    const given = new Map<string, string>();
    for (let line = firstLine; line !== ""; line = await this.#readLine()) {
      const [, key, value] = /^([a-z0-9]+)=(.*)$/.exec(line) ?? [];
      if (key === undefined || value === undefined || given.has(key) || given.size === mostLines)
        throw notUnderstood("The request has an unknown line.");
      given.set(key, value);
    }
    const { verb, limit, sha256, size, version, operation, ...rest } = Object.fromEntries(given);
    const image = { sha256, sizeBytes: numberIn(size), version, operationId: operation };
    const isVersion = verb === "running-version";
    const isImageLeftOut = [sha256, size, version, operation].every((one) => one === undefined);
    const limitMs = (numberIn(limit) ?? 0) * 1_000;
    const found = check(requestSchema, { id: 1, verb, limitMs, ...(isVersion ? {} : { image }) });
    if (found.ok && found.value.verb !== "healthy" && Object.keys(rest).length === 0 && isVersion === isImageLeftOut)
      return found.value;
    throw notUnderstood("The request has a line that is unknown or missing.");
  }

  async #readLine(): Promise<string> {
    return await this.#within(this.#connection.readLine());
  }

  async #readSome(mostBytes: number): Promise<Uint8Array> {
    return await this.#within(this.#connection.readSome(mostBytes));
  }

  async #within<T>(reading: Promise<T>): Promise<T> {
    const late = (): AgentError => notUnderstood(`Nothing came for ${stallMs / 1_000} s.`);
    return await withDeadline(reading, { timer: this.#ports.timer, withinMs: stallMs, late });
  }
}

/** `prepare` of this protocol has the image already. */
function withImage(request: HelperRequest): HelperRequest {
  return request.verb === "prepare" ? { ...request, verb: "install" } : request;
}

/** Undefined for anything but a number in decimal digits. */
function numberIn(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,13}$/.test(text) ? Number(text) : undefined;
}

function notUnderstood(message: string): AgentError {
  return new AgentError("installer-failed", message);
}

function refusal(cause: unknown, { log }: HelperPorts): string {
  const isMisuse = cause instanceof LineTooLong;
  if (!(cause instanceof AgentError) && !isMisuse)
    log(3, cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
  const { code, message } = isMisuse ? notUnderstood("The request has a line that is too long.") : toFailure(cause, "");
  log(4, `${code}: ${message}`);
  const known = knownCodes.has(code) ? code : code === "internal" ? "installer-failed" : "installer-not-allowed";
  return `refused ${known} ${truncateUtf8(onOneLine(message), 2_000)}\n`;
}
