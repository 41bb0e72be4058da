import { withDeadline } from "../lib/abort.ts";
import { ConnectionClosed, LineTooLong, type Connection } from "../helper-protocol/connection.ts";
import { serveFormerSession } from "./former-session.ts";
import type { HelperPorts } from "./ports.ts";
import { serveSession } from "./session.ts";

/** How long a new connection may say nothing. */
const firstLineMs = 30_000;
/** How long what was answered may wait for being read. */
const lingerMs = 30_000;

/**
 * Serves one connection of the agent, in the protocol in which it begins, to its end. When it resolves, nothing runs any more that
 * was started for it. Never rejects.
 */
export async function serve(connection: Connection, ports: HelperPorts): Promise<void> {
  const { timer, log } = ports;
  const late = (): Error => new ConnectionClosed("nothing came");
  try {
    const line = await withDeadline(connection.readLine(), { timer, withinMs: firstLineMs, late });
    await (line.startsWith("{") ? serveSession : serveFormerSession)(connection, line, ports);
  } catch (cause) {
    if (cause instanceof LineTooLong) {
      log(4, "the first line of a connection is too long");
      connection.write("refused installer-failed The request has a line that is too long.\n");
    } else if (!(cause instanceof ConnectionClosed)) throw cause;
  }
  // Closing a socket with unread bytes would discard the answer: the other side is to end first.
  await connection.end(timer, lingerMs);
}
