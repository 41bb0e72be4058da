import { once } from "node:events";
import { open } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { withDeadline } from "../../lib/abort.ts";
import type { Timer } from "../../lib/clock.ts";
import { AgentError, errorMessage } from "../../lib/errors.ts";
import type { InstallScript, ScriptCall, ScriptResult } from "../../update/install-script.ts";
import type { StagedImage } from "../../update/ports.ts";

export interface InstallHelperPorts {
  /** Where root's door listens: /run/boardkeeper/install.sock. */
  readonly socket: string;
  readonly timer: Timer;
}

/** What the door may say no with; docs/errors.md explains each. */
const helperErrorCodes = [
  "installer-not-allowed",
  "installer-failed",
  "image-changed",
  "no-space",
  "disk-error",
] as const;

/** How long the door may take for anything: another call that is still ending goes first. */
const answerTimeoutMs = 60_000;
/** Root's copy is written and digested, on the slowest disk that is worth waiting for: 1 MiB in a second. */
const bytesPerMs = 1_048.576;
const chunkBytes = 128 * 1_024;
const logAdvice = "Look at journalctl -u 'boardkeeper-install@*' on the board.";

/**
 * The owner's program, run as root by `systemd/libexec/install-helper`, which says what is spoken on the connection. Which program
 * that is, the owner says in a file of root's. Hanging up stops it, and the next call waits at the door until it has ended.
 */
export function installViaHelper({ socket, timer }: InstallHelperPorts): InstallScript {
  return {
    name: "The installer behind root's door",
    async run(call, signal): Promise<ScriptResult> {
      const door = new HelperConnection(await connectTo(socket));
      const within = async <T>(withinMs: number, what: Promise<T>): Promise<T> => {
        const late = (): AgentError =>
          helperFailed(`gave no answer within ${Math.ceil(withinMs / 1_000)} s. ${logAdvice}`);
        return await withDeadline(what, { timer, withinMs, late, signal });
      };
      try {
        const copyMs = (3 * (call.image?.sizeBytes ?? 0)) / bytesPerMs;
        await within(answerTimeoutMs + copyMs, prepareRun(door, call));
        door.write("run\n");
        return await within(answerTimeoutMs + call.timeLimitMs, readEnd(door));
      } catch (cause) {
        signal?.throwIfAborted();
        throw cause;
      } finally {
        door.close();
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

/** Asks, and hands the image over where the door wants it: resolves when the program can be run. */
async function prepareRun(door: HelperConnection, { verb, image, timeLimitMs }: ScriptCall): Promise<void> {
  door.write(requestLines({ verb, limit: Math.max(1, Math.ceil(timeLimitMs / 1_000)), ...imageFields(image) }));
  let word = await door.readLine();
  if (word === "send" && image !== undefined) {
    await door.sendImage(image);
    word = await door.readLine();
  }
  if (word !== "ready") throw errorFrom(word);
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

async function readEnd(door: HelperConnection): Promise<ScriptResult> {
  const word = await door.readLine();
  const [, status, outputBytes, errorBytes] = /^ended (\S+) (\d+) (\d+)$/.exec(word) ?? [];
  if (status === undefined) throw errorFrom(word);
  const output = await door.readText(Number(outputBytes));
  const errors = await door.readText(Number(errorBytes));
  return { status: status.replace("-", " "), timedOut: status === "late", stdout: output, stderr: errors };
}

function errorFrom(word: string): AgentError {
  const [, said, sentence] = /^refused (\S+) (.+)$/.exec(word) ?? [];
  const code = helperErrorCodes.find((one) => one === said);
  if (code === undefined || sentence === undefined) return helperFailed(`said what this agent does not know: ${word}`);
  return new AgentError(code, sentence);
}

function helperFailed(what: string, cause?: unknown): AgentError {
  return new AgentError("installer-failed", `Root's install door ${what}`, { cause });
}

/** A connection on which one side speaks after the other. */
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
    // What was said before the end counts: how it ended says nothing more.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#isClosed = true;
      this.#notify();
    });
  }

  /** Where the other side has gone, that is noticed while listening. */
  write(words: string): void {
    this.#socket.write(words);
  }

  /** The next line; rejects when the other side ends without one. */
  async readLine(): Promise<string> {
    const length = await this.#until((heard) => heard.indexOf("\n"));
    const line = this.#take(length);
    this.#take(1);
    return line;
  }

  async readText(bytes: number): Promise<string> {
    return this.#take(await this.#until((heard) => (heard.length >= bytes ? bytes : -1)));
  }

  /** Sends the image's bytes, unless the other side has something to say meanwhile. */
  async sendImage({ path, sizeBytes }: StagedImage): Promise<void> {
    const file = await open(path);
    try {
      const piece = Buffer.allocUnsafeSlow(chunkBytes);
      for (let left = sizeBytes; left > 0 && this.#received.length === 0 && !this.#isClosed;) {
        const { bytesRead } = await file.read(piece, 0, Math.min(chunkBytes, left), null);
        if (bytesRead === 0)
          throw new AgentError("image-changed", "The staged image has shrunk. Ask for the update again.");
        left -= bytesRead;
        await this.#flush(piece.subarray(0, bytesRead));
      }
    } finally {
      await file.close();
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  async #flush(bytes: Uint8Array): Promise<void> {
    if (this.#received.length > 0 || this.#isClosed) return; // It was said while the file was read.
    await new Promise<void>((resolve) => {
      this.#notify = resolve; // Whoever has something to say may not read on.
      this.#socket.write(bytes, () => resolve());
    });
  }

  async #until(length: (heard: Buffer) => number): Promise<number> {
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
