import type { Timer } from "../lib/clock.ts";
import { AgentError } from "../lib/errors.ts";
import type { MetadataSource } from "../trust/ports.ts";
import type { HttpSource, ImageResponse } from "./ports.ts";

/** How long one file may take: a server that sends a byte now and then must not hold an update. */
const fileDeadlineMs = 20_000;
/** Some hosts answer like this for what they do not have. */
const absent: ReadonlySet<number> = new Set([403, 404, 410]);

/**
 * A repository on a web server: its metadata lies in `metadata/`. Nothing that it returns is trusted.
 * @param address without a slash at its end
 */
export function repositorySource(address: string, http: HttpSource, timer: Timer): MetadataSource {
  return {
    async read(name, maxBytes, signal) {
      const url = `${address}/metadata/${encodeURIComponent(name)}`;
      const over = new AbortController();
      const stop = (): void => over.abort(signal?.reason);
      if (signal?.aborted === true) stop();
      signal?.addEventListener("abort", stop);
      let isLate = false;
      const late = timer.after(fileDeadlineMs, over.signal).then(() => {
        isLate = true;
        over.abort();
      });
      try {
        return await readBody(await http.get({ uri: url, fromBytes: 0, source: null }, over.signal), name, maxBytes);
      } catch (cause) {
        signal?.throwIfAborted();
        if (isLate) throw tooSlow(name, cause);
        throw cause instanceof AgentError ? explained(name, cause) : cause;
      } finally {
        signal?.removeEventListener("abort", stop);
        over.abort();
        await late.catch(() => undefined); // The file came first.
      }
    },
  };
}

async function readBody(response: ImageResponse, name: string, maxBytes: number): Promise<Uint8Array | undefined> {
  const { status, address } = response;
  try {
    if (absent.has(status)) return undefined;
    if (status !== 200)
      throw new AgentError(
        status >= 500 || status === 429 || status === 408 ? "unreachable" : "http-status",
        `${address} answered with status ${status}. Check update.repository and the server.`,
      );
    const chunks: Uint8Array[] = [];
    let total = 0;
    for await (const chunk of response.body) {
      total += chunk.length;
      if (total > maxBytes) throw tooLarge(name, maxBytes);
      chunks.push(Uint8Array.from(chunk)); // The next one may take its memory.
    }
    return Buffer.concat(chunks);
  } finally {
    response.close();
  }
}

function tooLarge(name: string, maxBytes: number): AgentError {
  return new AgentError(
    "metadata-too-large",
    `The repository's ${name} has more than ${maxBytes} bytes, and no more was read. Check what the server sends; a publisher keeps metadata small with boardkeeper repo.`,
  );
}

function tooSlow(name: string, cause: unknown): AgentError {
  const message = `The repository's ${name} did not arrive within ${fileDeadlineMs / 1_000} seconds. Check the server and the network.`;
  return new AgentError("unreachable", message, { cause });
}

/** The errors of a request are about images; this one was not. */
function explained(name: string, { code, message, cause }: AgentError): AgentError {
  if (code === "metadata-too-large") return new AgentError(code, message, { cause });
  return new AgentError(code, `The repository's ${name} could not be read: ${message}`, { cause });
}
