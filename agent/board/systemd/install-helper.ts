import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { dirname } from "node:path";
import { withDeadline } from "../../lib/abort.ts";
import type { Timer } from "../../lib/clock.ts";
import { AgentError, errorMessage } from "../../lib/errors.ts";
import { openRegularFile } from "../../lib/regular-file.ts";
import type { InstallScript, ScriptCall, ScriptResult } from "../../update/install-script.ts";
import type { StagedImage } from "../../update/ports.ts";
import { withDiskErrors } from "../fs/files.ts";

export interface InstallHelperPorts {
  /** The helper's socket: /run/boardkeeper/install.sock. */
  readonly socket: string;
  readonly timer: Timer;
}

/** The error codes that the helper may send; docs/errors.md explains each. */
const helperErrorCodes = [
  "installer-not-allowed",
  "installer-failed",
  "image-changed",
  "no-space",
  "disk-error",
] as const;

/** How long the helper may take for each step: it finishes a previous call first. */
const answerTimeoutMs = 60_000;
/** The helper writes and hashes a copy, on the slowest disk that is worth waiting for: 1 MiB per second. */
const bytesPerMs = 1_048.576;
const chunkBytes = 128 * 1_024;
const logAdvice = "Check journalctl -u 'boardkeeper-install@*' on the board.";

/**
 * Runs the owner's program as root, through `systemd/libexec/install-helper`, which documents the protocol. The owner names the
 * program in a file that only root can write. Closing the connection stops the program; the helper lets the next call wait
 * until it has ended.
 */
export function installViaHelper({ socket, timer }: InstallHelperPorts): InstallScript {
  return {
    name: "The installer of the install helper",
    async run(call, signal): Promise<ScriptResult> {
      const helper = new HelperConnection(await connectTo(socket));
      const within = async <T>(withinMs: number, what: Promise<T>): Promise<T> => {
        const late = (): AgentError =>
          helperFailed(`gave no answer within ${Math.ceil(withinMs / 1_000)} s. ${logAdvice}`);
        return await withDeadline(what, { timer, withinMs, late, signal });
      };
      try {
        const copyMs = (3 * (call.image?.sizeBytes ?? 0)) / bytesPerMs;
        await within(answerTimeoutMs + copyMs, prepareRun(helper, call));
        helper.write("run\n");
        return await within(answerTimeoutMs + call.timeLimitMs, readEnd(helper));
      } catch (cause) {
        signal?.throwIfAborted();
        throw cause;
      } finally {
        helper.close();
      }
    },
  };
}

async function connectTo(path: string): Promise<Socket> {
  const socket = connect(path);
  try {
    await once(socket, "connect");
    return socket;
  } catch (cause) {
    socket.destroy();
    const why = errorMessage(cause);
    throw helperFailed(
      `cannot be reached (${why}). Run systemctl start boardkeeper-install.socket on the board, or install the units from systemd/`,
      cause,
    );
  }
}

/** Sends the request, and the image where the helper asks for it: resolves when the program can be run. */
async function prepareRun(helper: HelperConnection, { verb, image, timeLimitMs }: ScriptCall): Promise<void> {
  helper.write(requestLines({ verb, limit: Math.max(1, Math.ceil(timeLimitMs / 1_000)), ...imageFields(image) }));
  let answer = await helper.readLine();
  if (answer === "send" && image !== undefined) {
    await helper.sendImage(image);
    answer = await helper.readLine();
  }
  if (answer !== "ready") throw errorFrom(answer);
}

function imageFields(image: StagedImage | undefined): Record<string, string | number> {
  if (image === undefined) return {};
  const { sha256, sizeBytes, version, operationId } = image;
  return { sha256, size: sizeBytes, version, operation: operationId };
}

function requestLines(request: Readonly<Record<string, string | number>>): string {
  return `${Object.entries(request)
    .map(([key, value]) => `${key}=${value}\n`)
    .join("")}\n`;
}

async function readEnd(helper: HelperConnection): Promise<ScriptResult> {
  const answer = await helper.readLine();
  const [, status, outputBytes, errorBytes] = /^ended (\S+) (\d+) (\d+)$/.exec(answer) ?? [];
  if (status === undefined) throw errorFrom(answer);
  const output = await helper.readText(Number(outputBytes));
  const errors = await helper.readText(Number(errorBytes));
  return { status: status.replace("-", " "), timedOut: status === "late", stdout: output, stderr: errors };
}

function errorFrom(answer: string): AgentError {
  const [, received, sentence] = /^refused (\S+) (.+)$/.exec(answer) ?? [];
  const code = helperErrorCodes.find((one) => one === received);
  if (code === undefined || sentence === undefined)
    return helperFailed(`sent an unknown answer: ${answer}. Install the agent and its helper from the same package.`);
  return new AgentError(code, sentence);
}

function helperFailed(what: string, cause?: unknown): AgentError {
  return new AgentError("installer-failed", `The install helper ${what}`, { cause });
}

/** A connection on which both sides take turns. */
class HelperConnection {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #isClosed = false;
  #notify: () => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#notify();
    });
    // What was received before the end counts; the error adds nothing.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#isClosed = true;
      this.#notify();
    });
  }

  /** A closed connection is noticed by the next read. */
  write(text: string): void {
    this.#socket.write(text);
  }

  /** The next line; rejects when the connection ends without one. */
  async readLine(): Promise<string> {
    const length = await this.#until((received) => received.indexOf("\n"));
    const line = this.#take(length);
    this.#take(1);
    return line;
  }

  async readText(bytes: number): Promise<string> {
    return this.#take(await this.#until((received) => (received.length >= bytes ? bytes : -1)));
  }

  /** Sends the image's bytes, until the helper answers or closes. */
  async sendImage({ path, sizeBytes }: StagedImage): Promise<void> {
    await withDiskErrors(dirname(path), async () => await this.#sendFile(path, sizeBytes));
  }

  async #sendFile(path: string, sizeBytes: number): Promise<void> {
    const file = await openRegularFile(path);
    try {
      const chunk = Buffer.allocUnsafeSlow(chunkBytes);
      for (let left = sizeBytes; left > 0 && this.#received.length === 0 && !this.#isClosed;) {
        const { bytesRead } = await file.read(chunk, 0, Math.min(chunkBytes, left), null);
        if (bytesRead === 0)
          throw new AgentError("image-changed", "The staged image became shorter. Request the update again.");
        left -= bytesRead;
        await this.#flush(chunk.subarray(0, bytesRead));
      }
    } finally {
      await file.close();
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  async #flush(bytes: Uint8Array): Promise<void> {
    if (this.#received.length > 0 || this.#isClosed) return; // The helper answered while the file was read.
    await new Promise<void>((resolve) => {
      this.#notify = resolve; // A helper that has answered may not read any more.
      this.#socket.write(bytes, () => resolve());
    });
  }

  async #until(length: (received: Buffer) => number): Promise<number> {
    for (;;) {
      const found = length(this.#received);
      if (found >= 0) return found;
      if (this.#isClosed) throw helperFailed(`closed without an answer. ${logAdvice}`);
      await new Promise<void>((resolve) => (this.#notify = resolve));
    }
  }

  #take(bytes: number): string {
    const taken = this.#received.toString("utf8", 0, bytes);
    this.#received = this.#received.subarray(bytes);
    return taken;
  }
}
